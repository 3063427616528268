// SPDX-License-Identifier: ISC
// Calls of toxiproxy-node-client, one by one: node weirlab_client.js CLIENT API UPSTREAM. Prints a line of JSON for
// each, which test_weirlab_node.py reads.
"use strict";
const net = require("net");
const [, , client, api, upstream] = process.argv;
const { Toxiproxy } = require(client);

const say = (step, value) => console.log(JSON.stringify({ step, value }));

/** Sends a byte to a proxy; how long its echo took in ms, or how the connection ended. */
function ping(proxy) {
	const at = proxy.listen.lastIndexOf(":");
	return new Promise((resolve) => {
		const begun = process.hrtime.bigint();
		const sock = net.connect({ host: proxy.listen.slice(0, at), port: Number(proxy.listen.slice(at + 1)) });
		const end = (value) => { sock.destroy(); resolve(value); };
		sock.on("connect", () => sock.write("x"));
		sock.on("data", () => end(Number(process.hrtime.bigint() - begun) / 1e6));
		sock.on("error", (error) => end(error.code));
		sock.on("end", () => end("end"));
	});
}

async function main() {
	const toxiproxy = new Toxiproxy(api);
	say("version", await toxiproxy.getVersion());
	const proxy = await toxiproxy.createProxy({ name: "one", listen: "localhost:0", upstream });
	say("created", proxy.toJson());
	say("plain", await ping(proxy));
	const toxic = await proxy.addToxic({
		name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 200, jitter: 0 } });
	say("toxic", toxic.toJson());
	say("slow", await ping(proxy));
	say("got", (await proxy.getToxic("slow")).toJson());
	const changed = await toxic.update({ toxicity: 1, attributes: { latency: 50, jitter: 0 } });
	say("changed", changed.toJson());
	say("faster", await ping(proxy));
	await changed.remove();
	say("removed", (await proxy.getToxic("slow").catch((error) => String(error))));
	for (const [type, attributes] of [["reset_peer", { timeout: 0 }], ["limit_data", { bytes: 0 }],
		["timeout", { timeout: 50 }], ["slicer", { average_size: 1, size_variation: 0, delay: 1 }],
		["bandwidth", { rate: 1 }], ["slow_close", { delay: 1 }]]) {
		const one = await proxy.addToxic({ name: type, type, stream: "downstream", toxicity: 1, attributes });
		say(type, await ping(proxy));
		await one.remove();
	}
	const down = await proxy.update({ enabled: false, listen: proxy.listen, upstream });
	say("down", [down.enabled, await ping(proxy)]);
	await toxiproxy.reset();
	say("reset", typeof await ping(proxy));
	say("populated", Object.keys(await toxiproxy.populate([
		{ name: "one", listen: proxy.listen, upstream, enabled: true },
		{ name: "two", listen: "localhost:0", upstream, enabled: true }])).sort());
	say("all", Object.keys(await toxiproxy.getAll()).sort());
	await (await toxiproxy.get("two")).remove();
	say("missing", await toxiproxy.get("two").catch((error) => String(error)));
	say("twice", await toxiproxy.createProxy({ name: "one", listen: "localhost:0", upstream }).catch(
		(error) => String(error)));
}

main().catch((error) => { console.error(error); process.exit(1); });
