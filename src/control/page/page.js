'use strict';
/*
 * Once a second weir sends figures (the event "stats"), which the page shows as numbers and curves.
 * The page asks for what weir knows of its servers, ends and pairs. While no events come, the page
 * asks for the figures, too.
 * Whatever weir says is shown as text: nothing here is ever parsed as HTML.
 */
(() => {
const SAMPLES = 120; // two minutes
const EVENTS = 40;
const ROWS = 20; // pairs at a time
const ASK_MS = 2000;
const SILENT_MS = 4000; // without stats: then they are asked for
const $ = (id) => document.getElementById(id);

/* ---- text ---- */

const count = (n) => n.toLocaleString('en');

/** [number, unit], with three digits. */
function bytes(n) {
	const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
	let at = 0;
	while (n >= 999.5 && at < units.length - 1) {
		n /= 1000;
		at++;
	}
	return [at === 0 || n >= 100 ? String(Math.round(n)) : n.toFixed(n >= 10 ? 1 : 2), units[at]];
}

const bytesText = (n) => bytes(n).join('\u00a0');

function time(ms) {
	const s = Math.floor(ms / 1000);
	const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
	const at = parts.findIndex(([size]) => s >= size);
	if (at < 0) {
		return '<\u00a01\u00a0s';
	}
	const [size, unit] = parts[at];
	const rest = parts[at + 1];
	const more = rest ? Math.floor(s % size / rest[0]) : 0;
	return `${Math.floor(s / size)}\u00a0${unit}` + (more ? ` ${more}\u00a0${rest[1]}` : '');
}

const late = (us) => us < 1e6 ? `${us / 1000}\u00a0ms` : `${us / 1e6}\u00a0s`;

const words = (name) => name.replaceAll('_', ' ');

/* ---- elements ---- */

function el(tag, className, ...children) {
	const made = document.createElement(tag);
	if (className) {
		made.className = className;
	}
	made.append(...children);
	return made;
}

function say(element, text, title) {
	if (element.textContent !== text) {
		element.textContent = text;
	}
	if (title !== undefined && element.title !== title) {
		element.title = title;
	}
}

function withUnit(element, [number, unit], more = '') {
	if (!element.firstChild) {
		element.append('', el('span', 'unit'));
	}
	if (element.firstChild.data !== number) {
		element.firstChild.data = number;
	}
	say(element.lastChild, unit + more);
}

const SVG = 'http://www.w3.org/2000/svg';

/** A curve of the last samples; it begins at 0. */
class Curve {
	constructor(name) {
		this.name = name;
		this.values = [];
		this.svg = document.createElementNS(SVG, 'svg');
		this.svg.setAttribute('class', 'spark');
		this.svg.setAttribute('viewBox', `0 0 ${SAMPLES - 1} 100`);
		this.svg.setAttribute('preserveAspectRatio', 'none');
		this.svg.setAttribute('role', 'img');
		[this.area, this.line] = ['area', 'line'].map((part) => {
			const path = document.createElementNS(SVG, 'path');
			path.setAttribute('class', part);
			this.svg.append(path);
			return path;
		});
	}

	add(value, text) {
		this.values.push(value);
		if (this.values.length > SAMPLES) {
			this.values.shift();
		}
		const top = Math.max(...this.values);
		const start = SAMPLES - this.values.length;
		const at = this.values.map((one, i) => `${start + i},${(97 - (top > 0 ? one / top : 0) * 92).toFixed(1)}`);
		this.line.setAttribute('d', 'M' + at.join('L'));
		this.area.setAttribute('d', `M${start},100L${at.join('L')}L${SAMPLES - 1},100Z`);
		this.svg.setAttribute('aria-label', `${this.name}, last two minutes: at most ${text(top)}`);
	}
}

/** The rows of a table, by keys: what stays is changed and not made anew. */
class Rows {
	constructor(id, make) {
		this.table = $(id);
		this.body = this.table.tBodies[0];
		this.make = make;
		this.rows = new Map();
	}

	/** items: [key, what show() takes]; in order. */
	show(items) {
		const before = this.rows;
		this.rows = new Map();
		let at = this.body.firstChild;
		for (const [key, item] of items) {
			const row = before.get(key) ?? this.make(item);
			before.delete(key);
			this.rows.set(key, row);
			row.show(item);
			if (row.tr === at) {
				at = at.nextSibling;
			} else {
				this.body.insertBefore(row.tr, at);
			}
		}
		for (const row of before.values()) {
			row.tr.remove();
		}
		this.table.hidden = items.length === 0;
		const empty = this.table.parentNode.querySelector('.empty');
		if (empty) {
			empty.hidden = items.length > 0;
		}
	}
}

function cells(tr, ...classes) {
	return classes.map((name) => {
		const [tag, className] = name.startsWith('th') ? ['th', name.slice(3)] : ['td', name];
		const cell = el(tag, className);
		if (tag === 'th') {
			cell.scope = 'row';
		}
		tr.append(cell);
		return cell;
	});
}

/* ---- figures ---- */

const perSecond = (n) => n >= 99.5 ? count(Math.round(n)) : n.toFixed(1);

const figures = [
	['Open pairs', (now) => [count(now.open), ''], (now) => `of ${count(now.stats.pairs.max)} at most`,
		(now) => now.open, count],
	['New pairs', (now) => [perSecond(now.fresh), '/s'], (now) => `${count(now.stats.pairs.accepted)} in all`,
		(now) => now.fresh, (n) => perSecond(n) + ' a second'],
	['From clients', (now) => rate(now.up), (now) => `${bytesText(now.stats.bytes.up)} in all`, (now) => now.up, (n) => bytesText(n) + ' a second'],
	['From servers', (now) => rate(now.down), (now) => `${bytesText(now.stats.bytes.down)} in all`, (now) => now.down, (n) => bytesText(n) + ' a second'],
].map(([name, value, more, sample, text]) => {
	const curve = new Curve(name);
	const [valueAt, moreAt] = [el('dd', 'value'), el('dd', 'more')];
	$('figures').append(el('div', '', el('dt', '', name), valueAt, moreAt, el('dd', 'curve', curve.svg)));
	return (now) => {
		withUnit(valueAt, value(now));
		say(moreAt, more(now));
		curve.add(sample(now), text);
	};
});

function rate(n) {
	const [number, unit] = bytes(n);
	return [number, unit + '/s'];
}

/* ---- listeners ---- */

let addresses = new Map(); // of each listener: [addresses, upstream, most pairs or 0]

const listeners = new Rows('listeners', () => {
	const tr = el('tr');
	const [name, open, fresh, up, down, curveAt] = cells(tr, 'th', 'n', 'n wide', 'n', 'n', 'curve wide');
	const [title, small] = [el('span'), el('small')];
	const curve = new Curve('Bytes');
	name.append(title, small);
	curveAt.append(curve.svg);
	return {tr, show({listener, rates}) {
		const [at, upstream, max] = addresses.get(listener.name) ?? [[], null, 0];
		say(title, listener.name);
		say(small, at.join(', ') + (upstream ? ` → ${upstream}` : ''));
		say(open, count(listener.open), max ? `of ${count(max)}` : 'no limit of its own');
		say(fresh, `${perSecond(rates.fresh)}/s`, `${count(listener.accepted)} since the start`);
		say(up, bytesText(rates.up) + '/s', `${count(listener.up)} bytes`);
		say(down, bytesText(rates.down) + '/s', `${count(listener.down)} bytes`);
		if (rates.is_new) {
			curve.add(rates.up + rates.down, (n) => bytesText(n) + ' a second');
		}
	}};
});

/* ---- servers ---- */

let serverCurves = new Map();

/** [class, word, more] */
function serverState(server) {
	if (server.told === 'down' || server.told === 'drain') {
		return [server.told === 'down' ? 'bad' : 'warn', server.told, 'told so'];
	}
	if (server.ejected) {
		return ['warn', 'ejected', 'too many failures'];
	}
	if (server.told === 'up') {
		return ['good', 'up', 'told so'];
	}
	if (server.check === 'down') {
		return ['bad', 'down', 'by its check'];
	}
	if (!server.usable) {
		return ['warn', 'out', server.weight_config === 0 || server.weight_told === 0 ? 'weight 0' : ''];
	}
	return ['good', 'up', server.check === 'up' ? 'by its check' : 'not checked'];
}

const servers = new Rows('servers', (item) => {
	const tr = el('tr');
	if (item.group) {
		tr.className = 'group';
		const [name] = cells(tr, 'th', 'wide', 'wide', 'wide'); // as many as the others have, also on a phone
		const small = el('small');
		name.colSpan = 3;
		name.scope = 'rowgroup';
		name.append(`${item.group.name} `, small);
		return {tr, show({group}) {
			const n = group.servers.filter((server) => server.usable).length;
			say(small, `${n} of ${group.servers.length} in use` + (group.waiting ? `, ${count(group.waiting)} clients wait` : ''));
			small.className = n === 0 ? 'bad' : '';
		}};
	}
	const [name, state, pairs, weight, failed, curveAt] = cells(tr, 'th', 's', 'n', 'n wide', 'n wide', 'curve wide');
	const [title, small, word, why] = [el('span'), el('small'), el('span'), el('small')];
	name.append(title, small);
	state.append(word, why);
	return {tr, show({server, key}) {
		const [className, text, more] = serverState(server);
		const curve = serverCurves.get(key);
		say(title, server.name);
		say(small, [server.name === server.address ? '' : server.address, server.backup ? 'backup' : ''].filter(Boolean).join(', '));
		word.className = `dot ${className}`;
		say(word, text);
		say(why, more);
		say(pairs, count(server.pairs), server.max_pairs ? `of ${count(server.max_pairs)}` : 'no limit');
		say(weight, String(server.weight), server.weight_told === null ? '' : `told; ${server.weight_config} in the config`);
		say(failed, count(server.connects_failed), `connects; ${server.failed_in_row} in a row`);
		if (curve && curve.svg.parentNode !== curveAt) {
			curveAt.replaceChildren(curve.svg);
		}
	}};
});

const keyOf = (upstream, server) => JSON.stringify([upstream, server]);

function showUpstreams({upstreams}) {
	servers.show(upstreams.flatMap((group) => [
		[JSON.stringify(group.name), {group}],
		...group.servers.map((server) => {
			const key = keyOf(group.name, server.name);
			return [key, {server, key}];
		}),
	]));
}

/* ---- bars ---- */

function barRow() {
	const tr = el('tr');
	const [name, number, barAt] = cells(tr, 'th', 'n', 'bar');
	const [title, small, bar, percent] = [el('span'), el('small'), el('i'), el('span')];
	name.append(title, small);
	barAt.append(el('div', '', bar, percent));
	return {tr, show({text, more, n, of, top}) {
		const part = of > 0 ? n / of * 100 : 0;
		say(title, text);
		say(small, more);
		say(number, count(n));
		bar.style.width = `calc((100% - 4rem) * ${(top > 0 ? n / top : 0).toFixed(4)})`;
		bar.hidden = n === 0;
		say(percent, n === 0 ? '' : part < 0.1 ? '<\u00a00.1\u00a0%' : part >= 99.95 ? '100\u00a0%' : `${part.toFixed(1)}\u00a0%`);
	}};
}

const ends = new Rows('ends', barRow);

function showListeners(answer) {
	const by = new Map();
	const chosen = $('of');
	addresses = new Map(answer.listeners.map((one) => [one.name, [one.listen, one.upstream, one.pairs.max]]));
	for (const one of answer.listeners) {
		for (const end of one.ended) {
			const key = JSON.stringify([end.by, end.reason]);
			const sum = by.get(key) ?? {text: words(end.reason), more: `by ${end.by === 'weir' ? 'weir' : `the ${end.by}`}`, n: 0};
			sum.n += end.pairs;
			by.set(key, sum);
		}
	}
	const all = [...by].sort(([, a], [, b]) => b.n - a.n);
	const of = all.reduce((sum, [, one]) => sum + one.n, 0);
	ends.show(all.map(([key, one]) => [key, {...one, of, top: all[0][1].n}]));
	for (const option of [...chosen.options].slice(1)) {
		if (!addresses.has(option.value)) {
			option.remove();
		}
	}
	for (const name of addresses.keys()) {
		if (![...chosen.options].some((option) => option.value === name)) {
			chosen.append(new Option(name, name));
		}
	}
}

const lateness = new Rows('late', barRow);

function showLate(stats) {
	const timers = Object.values(stats.late);
	const sums = [...stats.late_bounds_us, Infinity].map((_, i) => timers.reduce((sum, one) => sum + one[i], 0));
	const of = sums.reduce((sum, n) => sum + n, 0);
	const last = sums.findLastIndex((n) => n > 0);
	const shown = of === 0 ? [] : sums.slice(0, Math.max(last + 1, 4));
	const bound = (i) => i < stats.late_bounds_us.length ? late(stats.late_bounds_us[i]) : 'later';
	lateness.show(shown.map((n, i) => [i, {text: bound(i), more: '', n, of, top: Math.max(...sums)}]));
	let sum = 0;
	const most = sums.findIndex((n) => (sum += n) >= of * 0.99);
	const within = of < 100 ? `all struck within ${bound(last)}` : `99 of 100 struck within ${bound(most)}`;
	say($('late-words'), of === 0 ? '' : `None of ${count(of)} was early` + ((of < 100 ? last : most) < sums.length - 1 ? `; ${within}.` : '.'));
}

/* ---- pairs ---- */

let pages = [0];
let next = null;

const pairs = new Rows('pairs', () => {
	const tr = el('tr');
	const [id, who, age, up, down, left] = cells(tr, 'id wide', 'th', 'n', 'n wide', 'n wide', 'n left');
	const [client, server, timer, ends_] = [el('span'), el('small'), el('span'), el('small')];
	who.append(client, server);
	left.append(timer, ends_);
	return {tr, show({pair, asked}) {
		const gone = performance.now() - asked;
		const soonest = Object.entries(pair.timers).filter(([, one]) => one.left_ms !== null)
			.sort(([, a], [, b]) => a.left_ms - b.left_ms)[0];
		const to = pair.server === null ? '' : ` → ${pair.server_name ?? pair.server}`;
		say(id, String(pair.id));
		say(client, pair.client);
		say(server, `${pair.listener}${to}` + (pair.state === 'relaying' ? '' : `, ${words(pair.state)}`));
		say(age, time(pair.age_ms + gone));
		say(up, bytesText(pair.up.bytes), `${count(pair.up.bytes)} bytes, ${count(pair.up.waiting)} wait`);
		say(down, bytesText(pair.down.bytes), `${count(pair.down.bytes)} bytes, ${count(pair.down.waiting)} wait`);
		say(timer, soonest ? time(Math.max(0, soonest[1].left_ms - gone)) : 'no end');
		say(ends_, soonest ? words(soonest[0]) : '');
	}};
});

let page = {pairs: [], asked: 0};

function tickPairs() {
	pairs.show(page.pairs.map((pair) => [pair.id, {pair, asked: page.asked}]));
}

/** Does not set `disabled`, which would take the focus away. */
function enable(button, is_enabled) {
	button.setAttribute('aria-disabled', String(!is_enabled));
}

function showPairs(answer) {
	if (answer.pairs.length === 0 && pages.length > 1) {
		pages.pop();
		return;
	}
	page = {pairs: answer.pairs, asked: performance.now()};
	next = answer.next;
	enable($('back'), pages.length > 1);
	enable($('next'), next !== null);
	tickPairs();
}

function pairsTarget() {
	const of = $('of').value;
	return `v1/pairs?limit=${ROWS}&after=${pages.at(-1)}` + (of ? `&listener=${encodeURIComponent(of)}` : '');
}

$('next').addEventListener('click', () => {
	if (next !== null) {
		pages.push(next);
		next = null;
		ask();
	}
});
$('back').addEventListener('click', () => {
	if (pages.length > 1) {
		pages.pop();
		ask();
	}
});
$('of').addEventListener('change', () => {
	pages = [0];
	ask();
});
document.querySelector('.tools').addEventListener('submit', (event) => event.preventDefault());

/* ---- events ---- */

function showEvent(data) {
	const {time: at, level, event, node, ...fields} = data;
	const text = el('p');
	for (const [key, value] of Object.entries(fields)) {
		text.append(el('span', '', `${words(key)} `), `${value}  `);
	}
	const name = el('b', level === 'error' ? 'bad' : level === 'warn' ? 'warn' : '', words(event));
	const when = el('time', '', new Date(at).toLocaleTimeString('en', {hour12: false}));
	when.dateTime = at;
	$('events').prepend(el('li', '', when, name, text));
	while ($('events').children.length > EVENTS) {
		$('events').lastChild.remove();
	}
	$('events').parentNode.querySelector('.empty').hidden = true;
	if (level === 'warn' || level === 'error') {
		say($('news'), `${words(event)} ${fields.server ?? fields.listener ?? ''}`);
	}
	if (event.startsWith('server_') || event === 'reloaded') {
		ask();
	}
}

/* ---- how weir is ---- */

let before = null;
let heard = 0; // performance.now() of the last stats

const states = {
	running: ['good', 'running'], grace: ['warn', 'stopping, still lets in'], draining: ['warn', 'stopping'], stopping: ['warn', 'stopping'],
	drain_grace: ['warn', 'draining, still lets in'], drained: ['warn', 'drained'],
};

function showState(className, text) {
	const state = $('state');
	if (state.textContent !== text) {
		state.className = `state ${className}`;
		say(state, text);
		say($('news'), `weir: ${text}`);
	}
	document.documentElement.classList.toggle('stale', className === 'bad');
}

function rates(now, was, seconds) {
	const per = (key) => was && seconds > 0 ? Math.max(0, now[key] - was[key]) / seconds : 0;
	return {fresh: per('accepted'), up: per('up'), down: per('down'), is_new: true};
}

function showStats(stats) {
	const known = before?.started !== undefined && stats.started !== undefined;
	const is_same = before && stats.uptime_ms > before.uptime_ms && (!known || before.started === stats.started);
	const same = is_same ? before : null;
	const seconds = same ? (stats.uptime_ms - same.uptime_ms) / 1000 : 0;
	const sums = (one) => one && {...one.bytes, accepted: one.pairs.accepted};
	const was = new Map((same?.listeners ?? []).map((one) => [one.name, one]));
	const [className, word] = states[stats.state] ?? ['warn', words(stats.state)];

	heard = performance.now();
	is_away = false;
	if (before && !same) {
		pages = [0];
		ask();
	}
	showState(className, word + (stats.left_ms === null ? '' : `, ${time(stats.left_ms)} left`));
	say($('node'), stats.node ?? '');
	document.title = stats.node ? `${stats.node} – weir` : 'weir';
	say($('about'), (stats.log_dropped ? `${count(stats.log_dropped)} lines of the log lost, ` : '') +
		`up ${time(stats.uptime_ms)}, config ${count(stats.generation)}, version ${stats.version}`);
	const now = {stats, open: stats.pairs.open, ...rates(sums(stats), sums(same), seconds)};
	figures.forEach((show) => show(now));
	listeners.show(stats.listeners.map((listener) =>
		[listener.name, {listener, rates: rates(listener, was.get(listener.name), seconds)}]));
	const curves = new Map();
	for (const {upstream, name, pairs: n} of stats.servers) {
		const key = keyOf(upstream, name);
		const curve = serverCurves.get(key) ?? new Curve(`Pairs of ${name}`);
		curve.add(n, count);
		curves.set(key, curve);
	}
	serverCurves = curves;
	if (stats.late) {
		showLate(stats);
	}
	before = stats;
}

/** Makes the event "stats" from answers, for when no events come. */
function statsOf(status, listeners_, upstreams) {
	const sum = (way) => way.copied + way.spliced;
	const each = listeners_.map((one) => ({name: one.name, open: one.pairs.open, accepted: one.pairs.accepted,
		up: sum(one.bytes.up), down: sum(one.bytes.down)}));
	const total = (key) => each.reduce((all, one) => all + one[key], 0);
	return {...status, listeners: each,
		servers: upstreams.flatMap((group) => group.servers.map((one) => ({upstream: group.name, name: one.name, pairs: one.pairs}))),
		bytes: {up: total('up'), down: total('down')}};
}

/* ---- asking ---- */

async function get(target) {
	const answer = await fetch(target, {signal: AbortSignal.timeout(5000)});
	if (!answer.ok) {
		throw new Error(`${target}: ${answer.status}`);
	}
	return answer.json();
}

let is_away = false;
let asking = false;
let again = false;

async function ask() {
	if (asking) {
		again = true;
		return;
	}
	asking = true;
	again = false;
	try {
		const silent = !follows || performance.now() - heard > SILENT_MS;
		const [some, groups, page_, status] = await Promise.all([get('v1/listeners'), get('v1/upstreams'), get(pairsTarget()),
			silent ? get('v1/status') : null]);
		showListeners(some);
		showUpstreams(groups);
		showPairs(page_);
		if (status && !follows) {
			showStats(statsOf(status, some.listeners, groups.upstreams));
		}
	} catch {
		is_away = !follows; // or starts just now: tick() asks again
	}
	asking = false;
	if (again) {
		ask();
	}
}

/* This part reads events by fetch(), because an EventSource has to know each event by its name. */

let last = ''; // the id of the last line
let follows = false;
let given_up = new AbortController();

function take(block) {
	for (const line of block.split('\n')) {
		if (line.startsWith('id: ')) {
			last = line.slice(4);
		} else if (line.startsWith('data: ')) {
			const data = JSON.parse(line.slice(6));
			follows = true;
			(data.event === 'stats' ? showStats : showEvent)(data);
		}
	}
}

async function followOnce() {
	given_up = new AbortController();
	const answer = await fetch('v1/events?event=!close', {signal: given_up.signal, headers: last ? {'Last-Event-ID': last} : {}});
	if (!answer.ok) {
		throw new Error(`events: ${answer.status}`);
	}
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	let text = '';
	for (;;) {
		const {value, done} = await reader.read();
		if (done) {
			return;
		}
		const blocks = (text + value).split('\n\n');
		text = blocks.pop();
		blocks.forEach(take);
	}
}

async function follow() {
	for (;;) {
		try {
			await followOnce();
		} catch {
			follows = false; // and is asked
		}
		await new Promise((done) => setTimeout(done, 1000));
	}
}

let asked = 0;

function tick() {
	const now = performance.now();
	if (follows && now - heard > SILENT_MS) {
		given_up.abort(); // and again
		follows = false;
	}
	if (is_away) {
		showState('bad', 'does not answer');
	}
	if (!document.hidden && now - asked >= ASK_MS) {
		asked = now;
		ask();
	} else if (!document.hidden) {
		tickPairs();
	}
}

follow();
ask();
setInterval(tick, 1000);
})();
