// Keeps a page that is open as the daemon says it is.
//
// One tab of a browser listens for all of them: browsers allow a server few connections. What it
// hears are names of what changed; a page that shows one of them is fetched anew, and the regions
// of it that differ take over what is new, node by node, so that the focus, what is scrolled, what
// is open and what is being typed stay as they are.

import { start } from "/static/graph.js";

const HEADER = { "x-agentd-live": "1" };
const SILENCE_MS = 15000;
const PATIENCE_MS = 15000;
const PART_MS = 1000;
const AWAY =
  "The daemon is away: what stands here is as it was. `agentd serve` starts it; this page goes on then.";

const main = document.querySelector("main");
const banner = document.querySelector("#banner");
const alive = document.querySelector("#alive");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("agentd-ui") : null;
const names = new Set((main?.dataset.names ?? "").split(" ").filter(Boolean));

let heardAt = Date.now();
let isDirty = false;
let isFetching = false;
let isLost = false;

// ---- what is heard

function hear(news) {
  heardAt = Date.now();
  if (isLost) renew();
  if (news.ping) return;
  show(news.away ? AWAY : "");
  if (news.names.some((name) => name === "*" || name === "waiting" || names.has(name))) renew();
}

function listen() {
  const source = new EventSource("/changes");
  const pass = (news) => {
    hear(news);
    channel?.postMessage(news);
  };
  source.onmessage = (event) => pass(JSON.parse(event.data));
  source.addEventListener("ping", () => pass({ ping: true }));
  source.onerror = () => {
    // Where it was answered and refused, the page itself finds out why.
    const isRefused = source.readyState === EventSource.CLOSED;
    const told = isRefused ? { refused: true } : { gone: true };
    react(told);
    channel?.postMessage(told);
    if (isRefused) setTimeout(listen, 3000);
  };
}

function lost() {
  isLost = true;
  show("`agentd ui` does not answer. This page goes on when it does.");
}

function react(told) {
  if (told.gone) lost();
  else if (told.refused) renew();
  else hear(told);
}

if (channel) channel.onmessage = (event) => react(event.data);
if (navigator.locks) navigator.locks.request("agentd-ui", () => new Promise(() => listen()));
else listen();

setInterval(() => {
  if (Date.now() - heardAt > SILENCE_MS) renew();
}, SILENCE_MS / 3);
for (const moment of ["online", "pageshow", "focus"]) addEventListener(moment, () => (isDirty || isLost) && renew());
document.addEventListener("visibilitychange", () => !document.hidden && renew());

function show(words) {
  if (banner.textContent !== words) banner.textContent = words;
  banner.hidden = !words;
  alive.textContent = words ? "" : "Alive: what changes is shown as it happens.";
}

// ---- the page, fetched anew

async function renew() {
  isDirty = true;
  if (isFetching || document.hidden || names.size === 0) return;
  isFetching = true;
  while (isDirty && !document.hidden) {
    isDirty = false;
    const began = performance.now();
    await fetchPage();
    await new Promise((go) => setTimeout(go, performance.now() - began));
  }
  isFetching = false;
}

async function fetchPage() {
  let response, text;
  try {
    [response, text] = await get(location.href);
  } catch {
    return lost();
  }
  isLost = false;
  if (response.status === 401) return show("This browser is not let in any more: open a new link of `agentd ui`.");
  if (response.headers.has("x-agentd-away")) {
    return show(AWAY);
  }
  heardAt = Date.now();
  const fresh = parse(text);
  const isOther = Boolean(fresh.querySelector(".failure")) !== Boolean(document.querySelector(".failure"));
  if (isOther) return location.reload();
  show("");
  swap(fresh);
}

// A server that is stopped takes a request, and says nothing.
async function get(address) {
  const patience = new AbortController();
  const end = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const response = await fetch(address, { headers: HEADER, cache: "no-store", signal: patience.signal });
    return [response, await response.text()];
  } finally {
    clearTimeout(end);
  }
}

function parse(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

function swap(fresh) {
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const region of document.querySelectorAll("[data-region]")) {
    const next = fresh.querySelector(`[data-region="${CSS.escape(region.dataset.region)}"]`);
    if (next) morph(region, next);
  }
  const range = fresh.querySelector("[data-slider]");
  const slider = document.querySelector("[data-slider]");
  if (range && slider && slider !== document.activeElement) {
    const wasLast = slider.value === slider.max;
    slider.max = range.max;
    if (wasLast && !document.querySelector("#at").value) slider.value = range.max;
  }
  count();
  renewParts();
}

// ---- one tree made like another, in place

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? (node.dataset?.key ?? (node.id || null)) : null;
}

function isLike(old, next) {
  return old.nodeType === next.nodeType && old.nodeName === next.nodeName && keyOf(old) === keyOf(next);
}

function morph(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  if (old.isEqualNode(next)) return;
  if (old.classList.contains("drawing-frame")) return redraw(old, next);
  const kept = old.nodeName === "DETAILS" ? ["open"] : [];
  for (const { name } of [...old.attributes])
    if (!next.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, next);
}

// A drawing that differs takes the place of the old one: where one has moved to in it is the frame's.
const drawings = new WeakMap();

function redraw(frame, next) {
  const old = frame.querySelector(":scope > svg");
  const fresh = next.querySelector(":scope > svg");
  if (!old || !fresh || drawings.get(frame) === fresh.outerHTML) return;
  drawings.set(frame, fresh.outerHTML);
  old.replaceWith(document.importNode(fresh, true));
}

function morphChildren(old, next) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = old.firstChild;
  for (const child of next.childNodes) {
    const key = keyOf(child);
    const found = key ? keyed.get(key) : at && isLike(at, child) ? at : null;
    if (!found || !isLike(found, child)) {
      old.insertBefore(document.importNode(child, true), at);
    } else {
      if (found === at) at = at.nextSibling;
      else old.insertBefore(found, at);
      morph(found, child);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// ---- parts that come later: drawings, and what takes the daemon some time

const parts = new WeakMap();

function renewParts() {
  for (const place of document.querySelectorAll("[data-src]")) renewPart(place);
}

async function renewPart(place) {
  const state = parts.get(place) ?? { isFetching: false, isDirty: false };
  parts.set(place, state);
  state.isDirty = true;
  if (state.isFetching) return;
  state.isFetching = true;
  while (state.isDirty) {
    state.isDirty = false;
    try {
      const [response, text] = await get(place.dataset.src);
      const next = response.ok && parse(text).querySelector("[data-part]");
      if (next) {
        morphChildren(place, next);
        start(place);
      }
    } catch {
      // the banner says it
    }
    await new Promise((go) => setTimeout(go, PART_MS));
  }
  state.isFetching = false;
}

// ---- times that go on

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

function duration(seconds) {
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(Math.floor(seconds), 0)} s`;
}

function count() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time[data-ago], time[data-until], time[data-lasting]")) {
    const { ago, lasting, until } = time.dataset;
    const left = Math.floor(until - now);
    const words = ago ? `${duration(now - ago)} ago`
      : lasting ? `for ${duration(now - lasting)}`
      : left >= 0 ? `${duration(left)} left` : "over";
    if (time.textContent !== words) time.textContent = words;
  }
}

setInterval(count, 1000);

// ---- the slider: what it stands on is shown when it comes to rest

const slider = document.querySelector("[data-slider]");
if (slider) {
  const at = document.querySelector("#at");
  slider.addEventListener("input", () => (at.value = slider.value));
  slider.addEventListener("change", () => at.form.requestSubmit());
}

count();
renewParts();
show("");
