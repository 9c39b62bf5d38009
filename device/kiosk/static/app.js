// The page: one connection, one picture of the device, and the controls.
//
// What comes from the device is put in as text, never as markup.

import { holdToTalk } from "./talk.js";
import { drawTurns, drawLevels } from "./turns.js";

const $ = (id) => document.getElementById(id);

const LOOKS = {
  connecting: ["Connecting", "Looking for the device", "link"],
  disconnected: ["Disconnected", "", "link"],
  card: ["Sound card lost", "It goes on as soon as the card is back", "plug"],
  ringing: ["Ringing", "", "bell"],
  muted: ["Muted", "The microphone is off", "off"],
  idle: ["Ready", "", "ok"],
  attentive: ["Go ahead", "I am listening for you", "ear"],
  listening: ["Listening", "", "mic"],
  thinking: ["Thinking", "", "dots"],
  speaking: ["Speaking", "", "wave"],
};
const CAPTIONS_STAY_MS = 30_000; // then the clock is shown again
const STATUS_EVERY_MS = 60_000; // heals what no event has told
const SHORT = 60, LONG = 160; // characters: what is short is shown large

let socket = null;
let tries = 0;
let retry = 0;
let status = { state: "idle", trouble: {}, timers: [] };
let statusAt = 0;
let heardWords = [];
let asked = 0;
let resting = 0;
let page = "";
let trying = false;

const ANSWER_WITHIN_MS = 5_000; // a device that has no power any more does not even refuse

// ---- the connection

function connect() {
  clearTimeout(retry);
  if (socket) return; // a second one would be told everything twice, and hold a place
  const mine = (socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/ws`));
  mine.onmessage = (message) => take(JSON.parse(message.data));
  mine.onopen = () => { tries = 0; if (!$("panel-turns").hidden) send({ levels: true }); };
  mine.onclose = () => mine === socket && lost();
}

async function lost() {
  socket = null;
  talk.release();
  tries += 1;
  const waitMs = Math.min(10_000, 500 * 2 ** Math.min(tries, 5)) * (0.75 + Math.random() / 2);
  let leftS = Math.ceil(waitMs / 1000);
  const tell = () => look("disconnected", `Trying again in ${leftS} s`);
  tell();
  say("Disconnected");
  clearTimeout(retry);
  const tick = () => {
    leftS -= 1;
    if (leftS > 0) { tell(); retry = setTimeout(tick, 1000); } else { look("disconnected", "Trying again"); again(); }
  };
  retry = setTimeout(tick, Math.min(1000, waitMs));
}

async function again() {
  if (trying) return; // by the clock, and by whoever switches the screen on meanwhile
  trying = true;
  try { // a WebSocket does not say why it was refused
    const answer = await fetch("/api/status", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (answer.status === 401) { location.replace("/login"); return; }
    const tag = await pageTag();
    if (page && tag && tag !== page) { location.reload(); return; } // the device was updated meanwhile
  } catch { /* it is not there yet */ } finally { trying = false; }
  connect();
}

async function pageTag() {
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return (await fetch("/", { method: "HEAD", cache: "no-store", signal })).headers.get("etag");
}

function send(wish) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(wish));
  return true;
}

function askStatus() { // soon, and once for many reasons
  clearTimeout(asked);
  asked = setTimeout(() => send({ do: "status" }), 120);
}

// ---- what the device tells

const TAKE = {
  several: (m) => m.items.forEach(take),
  status: (m) => takeStatus(m.status),
  state: (m) => { status.state = m.state; rest(); show(); },
  mute: (m) => { status.muted = m.muted; show(); },
  volume: (m) => { status.volume_percent = m.percent; showVolume(); },
  speech_start: () => { hearing("", ""); wake(); },
  partial: (m) => { hearing(m.stable, m.text.startsWith(m.stable) ? m.text.slice(m.stable.length) : m.text); wake(); },
  commit: (m) => { hearing(m.text, ""); spoken("", false); keep("You", m.text); wake(); },
  playout_start: () => spoken("", false),
  spoken: (m) => { spoken(m.heard, false); wake(); },
  playout_end: (m) => { spoken(m.heard, false); keep("Answer", m.heard); turnsChanged(); },
  interrupted: (m) => { spoken(m.heard, true); keep("Answer, interrupted", m.heard); turnsChanged(); },
  ring_start: (m) => { status.ringing = m.text; keep("Ringing", m.text); show(); askStatus(); },
  ring_end: () => { status.ringing = null; show(); askStatus(); },
  card_lost: (m) => { status.trouble.card = m.message; show(); },
  card_back: () => { delete status.trouble.card; show(); },
  mic_trouble: askStatus,
  degraded: askStatus,
  call_ended: askStatus,
  controlled: askStatus,
  error: (m) => { notice(`Something failed (${m.stage}): ${m.message}`, 8000); askStatus(); },
  levels: takeLevels,
  obeyed: (m) => {
    if (m.volume_percent === undefined) return;
    status.muted = m.muted;
    status.volume_percent = m.volume_percent;
    show();
    showVolume();
  },
  refused: (m) => notice(m.hint ? `${m.message}: ${m.hint}` : m.message, 8000),
};

export function take(message) {
  TAKE[message.type]?.(message);
}

function takeStatus(told) {
  const fresh = document.body.dataset.look === "connecting" || document.body.dataset.look === "disconnected";
  status = { timers: [], trouble: {}, ...told };
  statusAt = performance.now();
  if (fresh) {
    hearing(told.hearing?.stable ?? "", told.hearing?.unstable ?? "");
    spoken(told.saying?.heard ?? "", false);
    told.state === "idle" ? document.body.dataset.view = "clock" : wake();
  }
  if (told.persona) $("who").textContent = told.persona === "assistant" ? "Nearfield" : told.persona;
  show();
  showVolume();
  showTimers();
  if (!$("panel-turns").hidden) drawTurns($("panel-turns"), null, status);
}

function takeLevels(m) {
  const orb = document.body.style;
  const look = document.body.dataset.look;
  const db = look === "speaking" ? m.far_db : m.mic_db;
  orb.setProperty("--level", Math.max(0, Math.min(1, (db + 60) / 45)).toFixed(2));
  if (!$("panel-turns").hidden) drawLevels(m);
}

// ---- the picture

let lookNow = "";
function look(name, more) {
  const [label, usual, glyph] = LOOKS[name];
  $("state-more").textContent = more ?? usual;
  const off = name === "disconnected" || name === "connecting";
  if (lookNow !== name) {
    lookNow = document.body.dataset.look = name;
    $("state").textContent = label;
    $("glyph").setAttribute("href", `#i-${glyph}`);
    document.body.style.setProperty("--level", "0");
    if (!off) say(label);
    for (const id of ["mute", "softer", "louder", "talk", "stop"]) $(id).setAttribute("aria-disabled", String(off));
    $("volume").disabled = off;
  }
}

function show() {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  const { state, trouble } = status;
  const name = "card" in trouble ? "card"
    : status.ringing != null || state === "ringing" ? "ringing"
    : status.muted && ["idle", "attentive"].includes(state) ? "muted"
    : state in LOOKS ? state : "idle";
  const unmuted = name === "attentive" && status.muted;
  look(name, unmuted ? "" : undefined);
  put($("rings"), status.ringing || "It rings");
  $("mute-text").textContent = status.muted ? "Unmute" : "Mute";
  $("mute-glyph").setAttribute("href", status.muted ? "#i-off" : "#i-mic");
  $("mute").toggleAttribute("data-on", Boolean(status.muted));
  const others = Object.entries(trouble).filter(([what]) => what !== "card").map(([, text]) => text);
  standing(others.join(" · "));
}

function hearing(stable, unstable) {
  $("stable").textContent = stable;
  $("unstable").textContent = unstable.trimStart();
  $("gap").textContent = stable && unstable.startsWith(" ") ? " " : "";
  size($("you"), stable + unstable);
}

function spoken(text, cut) {
  const words = text.split(/\s+/).filter(Boolean);
  const same = heardWords.every((word, i) => word === words[i]);
  if (!same) { heardWords = []; $("heard").textContent = ""; }
  for (const word of words.slice(heardWords.length)) {
    const span = document.createElement("span");
    span.textContent = `${word} `;
    $("heard").append(span);
  }
  heardWords = words;
  $("mark").textContent = cut ? "interrupted" : "";
  size($("it"), text);
}

function size(caption, text) {
  caption.dataset.size = text.length < SHORT ? "short" : text.length < LONG ? "middle" : "long";
  caption.hidden = text === "";
  $("captions").scrollTop = $("captions").scrollHeight;
}

function wake() {
  clearTimeout(resting);
  document.body.dataset.view = "words";
}

function rest() {
  clearTimeout(resting);
  if (status.state !== "idle") { if (status.state !== "attentive") wake(); return; }
  resting = setTimeout(() => (document.body.dataset.view = "clock"), CAPTIONS_STAY_MS);
}

function say(text) { $("told").textContent = text; }

function keep(who, text) { // for whoever reads it with fingers or ears
  if (!text) return;
  const line = document.createElement("p");
  line.textContent = `${who}: ${text}`;
  $("log").append(line);
  while ($("log").childElementCount > 6) $("log").firstElementChild.remove();
}

let standingText = "", passing = 0;
function standing(text) { standingText = text; if (!passing) putNotice(text); }
function notice(text, forMs) {
  clearTimeout(passing);
  putNotice(text);
  passing = setTimeout(() => { passing = 0; putNotice(standingText); }, forMs);
}
function putNotice(text) { if ($("notice").textContent !== text) $("notice").textContent = text; }

// ---- clock and timers

function showClock() {
  const now = new Date();
  $("clock").textContent = $("small-clock").textContent = now.toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
  $("date").textContent = now.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
  setTimeout(showClock, 60_050 - (now.getSeconds() * 1000 + now.getMilliseconds()));
}

let ticking = 0;
function showTimers() {
  clearTimeout(ticking);
  const list = $("timers");
  const goneS = (performance.now() - statusAt) / 1000;
  const timers = status.timers ?? [];
  while (list.childElementCount > timers.length) list.lastElementChild.remove();
  let nextMs = Infinity;
  timers.forEach((timer, i) => {
    const item = list.children[i] ?? list.appendChild(timerItem());
    const leftS = Math.max(0, timer.left_s - (timer.running ? goneS : 0));
    put(item.children[0], timer.label);
    put(item.children[1], timer.running ? clockOf(leftS, timer.kind) : `${clockOf(leftS, timer.kind)} paused`);
    item.style.setProperty("--share", timer.length_s ? (leftS / timer.length_s).toFixed(3) : 0);
    if (timer.running) nextMs = Math.min(nextMs, leftS > 3600 ? 30_000 : (leftS % 1) * 1000 + 20);
  });
  if (nextMs < Infinity && !document.hidden) ticking = setTimeout(showTimers, Math.max(200, nextMs));
}

function timerItem() {
  const item = document.createElement("li");
  item.append(document.createElement("span"), document.createElement("strong"), document.createElement("i"));
  return item;
}

function put(element, text) { if (element.textContent !== text) element.textContent = text; }

function clockOf(seconds, kind) {
  const s = Math.ceil(seconds), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
  if (kind === "alarm" && s > 3600) return h >= 48 ? `in ${Math.round(h / 24)} days` : `in ${h} h ${m} min`;
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

// ---- the controls

const usable = (button) => button.getAttribute("aria-disabled") !== "true";
const on = (id, act) => $(id).addEventListener("click", () => usable($(id)) && act());

on("mute", () => send({ do: status.muted ? "unmute" : "mute" }));
on("softer", () => send({ do: "softer" }));
on("louder", () => send({ do: "louder" }));
on("stop", () => send({ do: "stop" }));

let sliding = 0, slideTo = 0;
$("volume").addEventListener("input", () => {
  slideTo = Number($("volume").value);
  put($("percent"), String(slideTo));
  if (!sliding) sliding = setTimeout(() => { sliding = 0; send({ do: "volume", percent: slideTo }); }, 150);
});

function showVolume() {
  if (sliding || status.volume_percent === undefined) return;
  $("volume").value = status.volume_percent;
  $("volume").setAttribute("aria-valuetext", `${status.volume_percent} percent`);
  put($("percent"), String(status.volume_percent));
}

const talk = holdToTalk($("talk"), (down) => {
  $("talk-text").textContent = down ? "Release to send" : "Hold to talk";
  send({ do: down ? "press" : "release" });
});

addEventListener("keydown", (event) => { if (event.key === "Escape") send({ do: "stop" }); });

// ---- the two views

const tabs = [$("tab-talk"), $("tab-turns")];
function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  const turns = tab.id === "tab-turns";
  document.body.classList.toggle("turns", turns);
  send({ levels: turns });
  if (turns) { drawTurns($("panel-turns"), null, status); turnsChanged(); askStatus(); }
}
tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabs[1 - i];
    choose(other);
    other.focus();
  });
});

let fetching = 0;
function turnsChanged() {
  if ($("panel-turns").hidden) return;
  clearTimeout(fetching);
  fetching = setTimeout(async () => {
    try {
      const answer = await fetch("/api/traces");
      if (answer.ok) drawTurns($("panel-turns"), await answer.json(), status);
    } catch { /* the connection says so */ }
  }, 150);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  showTimers();
  if (!socket) { clearTimeout(retry); again(); } else askStatus();
});
setInterval(() => !document.hidden && askStatus(), STATUS_EVERY_MS);
let theme = "";
try { theme = localStorage.getItem("theme"); } catch { /* a browser that keeps nothing */ }
if (theme) document.documentElement.dataset.theme = theme;
for (const id of ["you", "it"]) $(id).hidden = true;
look("connecting");
showClock();
connect();
pageTag().then((tag) => (page = tag), () => {});
