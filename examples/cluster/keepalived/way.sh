#!/usr/bin/env bash
# `up keepalived`: sourced by up, after topology.sh.
# shellcheck disable=SC2154 # what topology.sh has set

# VRRP is for machines on one network: the nodes are on a bridge of the router, and so are both addresses of the
# service, wherever they are at the moment.
way() {
	local i
	need ip keepalived unbound weir weirctl
	topology
	ip -n "$name-router" link add nodes type bridge forward_delay 0
	ip -n "$name-router" address add 10.0.0.1/16 dev nodes
	ip -n "$name-router" link set nodes up
	ip -n "$name-router" route add 192.0.2.0/30 dev nodes
	for i in 1 2 3; do
		member "$i"
	done
	names
	servers
	# keepalived runs no script that others than root could change. The build's weirctl may be one, so a copy is run.
	install -m 755 "$(program weirctl)" "$run/weirctl"
	for i in 1 2 3; do
		fill weir.conf "$run/n$i/weir.conf" "$i"
		fill keepalived/node.conf "$run/n$i/keepalived.conf" "$i"
		particulars "$run/n$i/keepalived.conf" "$i"
		weir "$i"
		vrrp "$i"
	done
	wait_for 60 "both addresses" all_there
	wait_for 60 "the servers" served
}

# member N: a node on the bridge.
member() {
	ip -n "$name-router" link add "n$1" type veth peer name eth0 netns "$name-n$1"
	ip -n "$name-router" link set "n$1" master nodes up
	ip -n "$name-n$1" address add "10.0.$1.2/16" dev eth0
	ip -n "$name-n$1" link set eth0 up
	ip -n "$name-n$1" route add default via 10.0.0.1
}

# particulars FILE N: sets priorities so that each address has a node of its own, and the third takes over either.
particulars() {
	local first second
	case $2 in
	1) first=150 second=100 ;;
	2) first=100 second=150 ;;
	3) first=120 second=120 ;;
	esac
	sed -i -e "s|@FIRST@|$first|" -e "s|@SECOND@|$second|" -e "s|@WEIRCTL@|$run/weirctl -s $run/n$2/control|" "$1"
}

# vrrp N
vrrp() {
	start "n$1" keepalived "$(program keepalived)" --dont-fork --log-console --vrrp \
		--use-file "$run/n$1/keepalived.conf" --pid "$run/n$1/keepalived.own.pid" --vrrp_pid "$run/n$1/vrrp.pid"
}

# has N ADDRESS: whether the node has it.
has() {
	[ -n "$(ip -n "$name-n$1" -o address show to "$2/32")" ]
}

all_there() {
	has 1 192.0.2.1 && has 2 192.0.2.2
}

served() {
	local one
	for one in 10.0.1.2 10.0.2.2 10.0.3.2 192.0.2.1 192.0.2.2; do
		inside c1 bash -c "exec 3<>/dev/tcp/$one/7000 && read -t 1 -r line <&3 && [[ \$line == s* ]]" || return 1
	done
}
