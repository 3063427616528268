#!/usr/bin/env bash
# What all ways have in common: the namespaces, their links, their programs. Sourced by up and down.
#
#	c1 10.1.1.2 ─┐                        ┌─ n1 10.0.1.2     three nodes: weir, and a program that
#	c2 10.1.2.2 ─┤                        ├─ n2 10.0.2.2     keeps the service's address on them
#	             ├── router, and the name ┼─ n3 10.0.3.2
#	s1 10.2.1.2 ─┤   server 10.0.0.53     ┘
#	s2 10.2.2.2 ─┤
#	s3 10.2.3.2 ─┘   three servers, which the name server has as SRV _app._tcp.cluster.test
#
# The links are veth pairs that are made between two of these namespaces, never in that of the host. The
# end in a leaf is called eth0, the end in the router has the leaf's name. The router has .1 on each link,
# and is the gateway of the leaves. A client has 10.1.1.16 to 10.1.1.31 too, so that it can act as many.
#
# WEIR_CLUSTER=NAME (default: weir) is in front of all names, so that there can be several at a time.
# Everything else that is made is in a folder of its own, $run: the programs' configs and their output.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=${WEIR_CLUSTER:-weir}
run=/run/weir-cluster-$name
service=192.0.2.1
PATH=$PATH:/usr/sbin:/sbin

die() {
	echo "examples/cluster: $*" >&2
	exit 1
}

[[ $name =~ ^[a-zA-Z0-9_]{1,32}$ ]] || die "WEIR_CLUSTER is letters, digits and _, at most 32: not \"$name\""

# inside NAMESPACE COMMAND...
inside() {
	local where=$1
	shift
	ip netns exec "$name-$where" "$@"
}

# Prints the namespaces of this cluster that exist.
namespaces() {
	local one
	for one in router n1 n2 n3 s1 s2 s3 c1 c2; do
		[ ! -e "/run/netns/$name-$one" ] || echo "$one"
	done
}

# program PROGRAM: prints its path. A variable with its name in capitals has precedence; then, for weir's own programs,
# the build of $WEIR, and those in build/; then PATH.
program() {
	local said=$1 built=
	said=${said^^}
	case $1 in
	weir) built=weir ;;
	weirctl) built=src/ctl/weirctl ;;
	esac
	if [ -n "${!said:-}" ]; then
		command -v "${!said}" || die "$said says ${!said}, which is not there"
	elif [ -n "$built" ] && [ -n "${WEIR:-}" ] && [ -x "${WEIR%/*}/$built" ]; then
		echo "${WEIR%/*}/$built"
	elif [ -n "$built" ] && [ -x "$here/../../build/$built" ]; then
		echo "$here/../../build/$built"
	elif [ -n "$built" ] && [ -x "$here/../../build/gcc/$built" ]; then
		echo "$here/../../build/gcc/$built"
	else
		command -v "$1" || die "$1 is not there: apt-get install bird2 iproute2 keepalived nftables python3 unbound; weir's own: its package, or meson setup build && ninja -C build"
	fi
}

# need PROGRAM...: ends the script if one of them is missing. Call it first: $(program ...) would end only a subshell.
need() {
	local one
	for one; do
		program "$one" >/dev/null || exit 1
	done
}

# start NAMESPACE PROGRAM COMMAND...: starts a daemon. $run/NAMESPACE/PROGRAM.log has its output, PROGRAM.pid its pid.
start() {
	local where=$1 which=$2
	shift 2
	mkdir -p "$run/$where"
	# shellcheck disable=SC2016 # it is expanded by that shell
	RUNTIME_DIRECTORY=$run/$where setsid --fork "$BASH" -c 'echo $$ >"$1.pid"; shift; exec "$@"' start \
		"$run/$where/$which" ip netns exec "$name-$where" "$@" >>"$run/$where/$which.log" 2>&1 </dev/null
}

# fill FROM TO [N]: writes a config of this folder to TO. @N@ in it becomes the number of the node, @RUN@ the
# folder of TO, and @SERVICE@ the address of the service.
fill() {
	mkdir -p "${2%/*}"
	sed -e "s|@N@|${3:-}|g" -e "s|@RUN@|${2%/*}|g" -e "s|@SERVICE@|$service|g" "$here/$1" >"$2"
}

# leaf NAME NET: a namespace with a link to the router.
leaf() {
	ip -n "$name-router" link add "$1" type veth peer name eth0 netns "$name-$1"
	ip -n "$name-router" address add "$2.1/24" dev "$1"
	ip -n "$name-router" link set "$1" up
	ip -n "$name-$1" address add "$2.2/24" dev eth0
	ip -n "$name-$1" link set eth0 up
	ip -n "$name-$1" route add default via "$2.1"
}

topology() {
	local i one
	for one in router n1 n2 n3 s1 s2 s3 c1 c2; do
		ip netns add "$name-$one"
		ip -n "$name-$one" link set lo up
	done
	inside router sysctl -qw net.ipv4.ip_forward=1
	for i in 1 2 3; do
		leaf "s$i" "10.2.$i"
	done
	for i in 1 2; do
		leaf "c$i" "10.1.$i"
		ip -n "$name-c$i" route add local "10.1.$i.16/28" dev lo
	done
}

names() {
	ip -n "$name-router" address replace 10.0.0.53/32 dev lo
	fill unbound.conf "$run/router/unbound.conf"
	start router unbound "$(program unbound)" -d -c "$run/router/unbound.conf"
}

# server N
server() {
	start "s$1" server /usr/bin/python3 "$here/server" "s$1" 7000
}

servers() {
	local i
	for i in 1 2 3; do
		server "$i"
	done
	for i in 1 2 3; do
		wait_for 30 "server s$i" inside "s$i" bash -c 'exec 3<>/dev/tcp/127.0.0.1/7000'
	done
}

# weir N
weir() {
	start "n$1" weir "$(program weir)" -c "$run/n$1/weir.conf"
}

# Whether all daemons still run; prints the .pid file of one that has ended.
alive() {
	local file pid
	for file in "$run"/*/*.pid; do
		pid=
		read -r pid <"$file" || true # just being written
		if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
			echo "$file"
			return 1
		fi
	done
}

# wait_for SECONDS WHAT COMMAND...: repeats the command until it succeeds.
wait_for() {
	local end=$((SECONDS + $1)) what=$2 ended
	shift 2
	until "$@" >/dev/null 2>&1; do
		ended=$(alive) || die "waited for $what, but this has ended: ${ended#"$run/"}"
		[ $SECONDS -lt $end ] || die "waited in vain for $what"
		sleep 0.1
	done
}

# Ends what runs in the namespaces of this cluster, and nothing else; then removes them, and with them their links. If
# one cannot be removed, the others are. The namespaces are this cluster's only if its folder exists.
remove() {
	local one pid tries status=0
	[ -d "$run" ] || return 0
	for one in $(namespaces); do
		for tries in 1 2 3 4 5; do
			pid=$(ip netns pids "$name-$one") || status=1
			[ -n "$pid" ] || break
			[ "$tries" = 1 ] || sleep 0.1
			# shellcheck disable=SC2086 # several
			kill -KILL $pid 2>/dev/null || true
		done
		ip netns delete "$name-$one" || status=1
	done
	[ -n "$(namespaces)" ] || rm -rf "$run" || status=1
	return $status
}
