#!/usr/bin/env bash
# `up bird [plain|resilient]`: sourced by up, after topology.sh.
# shellcheck disable=SC2154 # what topology.sh has set

# Each node has a link of its own to the router, as a real one has to the switch above it.
way() {
	local kind=${1:-plain} i table=254
	[[ $kind =~ ^(plain|resilient)$ && $# -le 1 ]] || usage
	[ "$kind" = plain ] || table=100
	need ip bird unbound weir weirctl
	topology
	for i in 1 2 3; do
		leaf "n$i" "10.0.$i"
	done
	# The router chooses a node by addresses and ports: otherwise all connections of a client go through one node.
	inside router sysctl -qw net.ipv4.fib_multipath_hash_policy=1
	names
	servers
	# BIRD has a high priority: without it, a node that only has no time for BFD would be taken for a dead one.
	fill bird/router.conf "$run/router/bird.conf"
	sed -i "s|@TABLE@|$table|" "$run/router/bird.conf"
	start router bird nice -n -10 "$(program bird)" -f -c "$run/router/bird.conf" -s "$run/router/bird.control"
	[ "$kind" = plain ] || start router nexthops "$here/bird/nexthops" "$service" "$table"
	for i in 1 2 3; do
		fill bird/node.conf "$run/n$i/bird.conf" "$i"
		fill weir.conf "$run/n$i/weir.conf" "$i"
		start "n$i" bird nice -n -10 "$(program bird)" -f -c "$run/n$i/bird.conf" -s "$run/n$i/bird.control"
		weir "$i"
		announce "$i"
	done
	wait_for 60 "a route over three nodes" all_routed
	wait_for 60 "the servers" served
}

# announce N
announce() {
	WEIRCTL=$(program weirctl) start "n$1" announce "$here/bird/weir-announce" "$service"
}

all_routed() {
	[ "$(ip -n "$name-router" route show "$service" | grep -c 'dev n[123]')" = 3 ]
}

served() {
	local i
	for i in 1 2 3; do
		inside c1 bash -c "exec 3<>/dev/tcp/10.0.$i.2/7000 && read -t 1 -r line <&3 && [[ \$line == s* ]]" || return 1
	done
}
