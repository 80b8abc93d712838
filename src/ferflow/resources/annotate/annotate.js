"use strict";
// The server holds every answer. This page shows its state and goes on only when an answer is known to be kept.

const $ = (id) => document.getElementById(id);
// The keys of the choices, in their order; R replays, so it is none of them.
const KEYS = "1234567890ABCDEFGHIJKLMNOPQSTUVWXYZ";
const AGAIN_MS = 1500; // between two attempts to reach the server
let state = null; // {annotator, name, emotions, clips: [{id, emotion}]} as the server last sent it
let place = 0; // which of state.clips is shown
let saving = false;

class Refused extends Error {} // the server understood, and says no

async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    keepalive: method === "PUT", // a click just before the page is closed still arrives
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (response.ok) return response.json();
  if (response.status >= 500) throw new Error("the server has a problem");
  const reply = await response.text();
  let detail = reply;
  try {
    detail = JSON.parse(reply).detail;
  } catch { /* plain text */ }
  throw new Refused(typeof detail === "string" ? detail : "This was not understood.");
}

function say(text, problem = false) {
  $("status").textContent = text;
  $("status").classList.toggle("problem", problem);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function open(section) {
  for (const id of ["enter", "task", "done"]) $(id).hidden = id !== section;
  $("who").hidden = section === "enter";
  if (section !== "task") unload();
}

// The address keeps who annotates and which clip is shown, so that a reload comes back here.
function remember() {
  const kept = new URLSearchParams({ annotator: state.annotator, clip: place + 1 });
  history.replaceState(null, "", "#" + kept);
}

function answered() {
  return state.clips.filter((clip) => clip.emotion !== null).length;
}

// The next clip without an answer after `from`, from the beginning again; -1 where there is none.
function unanswered(from) {
  const n = state.clips.length;
  for (let step = 1; step <= n; step++) {
    const at = (from + step) % n;
    if (state.clips[at].emotion === null) return at;
  }
  return -1;
}

function source(at) {
  return `clips/${state.clips[at].id}.webm`;
}

function unload() {
  $("video").removeAttribute("src");
  $("video").load();
}

function show(at) {
  const moved = at !== place || $("task").hidden || !$("video").hasAttribute("src");
  place = at;
  open("task");
  remember();
  draw();
  if (moved) {
    say("Loading the clip …");
    $("video").src = source(place);
    replay();
    $("clip").focus({ preventScroll: true });
    // The server prepares the next clip meanwhile.
    if (place + 1 < state.clips.length) fetch(source(place + 1), { priority: "low" }).catch(() => {});
  }
}

function draw() {
  const n = state.clips.length;
  $("name").textContent = state.name;
  $("clip").textContent = `Clip ${place + 1} of ${n}`;
  $("bar").max = n;
  $("bar").value = answered();
  $("count").textContent = `${answered()} answered`;
  $("back").disabled = saving || place === 0;
  $("next").disabled = saving || place === n - 1;
  for (const button of $("choices").children) {
    button.setAttribute("aria-pressed", String(button.dataset.emotion === state.clips[place].emotion));
    button.disabled = saving;
  }
}

function finish() {
  open("done");
  remember();
  say("");
  $("thanks").focus({ preventScroll: true });
}

function replay() {
  $("video").currentTime = 0;
  $("video").play().catch(() => {}); // a browser may wait for a click
}

async function choose(emotion) {
  if (saving || $("task").hidden) return;
  const clip = state.clips[place];
  const request = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0"));
  const body = { annotator: state.annotator, clip: clip.id, emotion, request: request.join("") };
  saving = true;
  draw();
  try {
    for (;;) {
      try {
        await ask("PUT", "api/answers", body);
        break;
      } catch (error) {
        if (error instanceof Refused) throw error;
        say("Not saved yet: the server does not answer. Trying again …", true);
        await pause(AGAIN_MS);
      }
    }
  } catch (error) {
    saving = false;
    draw();
    say(error.message, true);
    return;
  }
  saving = false;
  clip.emotion = emotion;
  const next = unanswered(place);
  if (next < 0) finish();
  else show(next);
}

function build() {
  $("choices").replaceChildren(
    ...state.emotions.map((emotion, i) => {
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      key.textContent = KEYS[i] ?? "";
      key.hidden = !KEYS[i];
      button.type = "button";
      button.dataset.emotion = emotion;
      if (KEYS[i]) button.setAttribute("aria-keyshortcuts", KEYS[i]);
      button.append(key, " ", emotion);
      button.addEventListener("click", () => choose(emotion));
      return button;
    }),
  );
}

function begin(reply, wanted) {
  state = reply;
  build();
  say("");
  const first = unanswered(-1);
  if (wanted >= 0 && wanted < state.clips.length) show(wanted);
  else if (first < 0) {
    place = state.clips.length - 1;
    draw();
    finish();
  } else show(first);
}

function askName(text = "") {
  state = null;
  history.replaceState(null, "", location.pathname);
  open("enter");
  say(text, text !== "");
  $("pseudonym").focus();
}

// After a reload, or when the tab is looked at again: what does the server hold?
async function resume() {
  const kept = new URLSearchParams(location.hash.slice(1));
  if (!kept.has("annotator")) return askName();
  for (;;) {
    try {
      const reply = await ask("GET", "api/state?" + new URLSearchParams({ annotator: kept.get("annotator") }));
      const wanted = Number(kept.get("clip")) - 1;
      const all = reply.clips.every((clip) => clip.emotion !== null);
      return begin(reply, all ? -1 : wanted);
    } catch (error) {
      if (error instanceof Refused) return askName(error.message);
      say("The server does not answer. Trying again …", true);
      await pause(AGAIN_MS);
    }
  }
}

async function refresh() {
  if (state === null || saving || document.hidden) return;
  try {
    const reply = await ask("GET", "api/state?" + new URLSearchParams({ annotator: state.annotator }));
    if (saving || state === null || reply.annotator !== state.annotator) return;
    state = reply;
    place = Math.min(place, state.clips.length - 1);
    draw();
  } catch { /* the next answer says so */ }
}

$("begin").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    begin(await ask("POST", "api/annotators", { name: $("pseudonym").value }), -1);
  } catch (error) {
    say(error instanceof Refused ? error.message : "The server does not answer. Try again.", true);
    $("pseudonym").focus();
  }
});
$("leave").addEventListener("click", () => {
  if (saving) return;
  askName();
  say("Your answers are kept. Enter the same pseudonym to go on.");
});
$("back").addEventListener("click", () => show(place - 1));
$("next").addEventListener("click", () => show(place + 1));
$("again").addEventListener("click", () => show(place));
$("replay").addEventListener("click", replay);
// Controls of the browser's own would lie over the chin.
$("video").addEventListener("timeupdate", () => {
  $("seek").value = $("video").currentTime / ($("video").duration || 1);
});
$("seek").addEventListener("input", () => {
  $("video").pause();
  $("video").currentTime = $("seek").value * ($("video").duration || 0);
});
$("video").addEventListener("click", replay);
$("video").addEventListener("loadeddata", () => {
  if (!saving) say("");
});
$("video").addEventListener("error", () => {
  if ($("video").hasAttribute("src")) {
    say("This clip cannot be shown. Go on with the next, and tell whoever runs this page.", true);
  }
});

document.addEventListener("keydown", (event) => {
  // A held key must not answer clip after clip.
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if ($("task").hidden) return;
  const chosen = state.emotions[KEYS.indexOf(event.key.toUpperCase())];
  if (event.key.length === 1 && chosen !== undefined) choose(chosen);
  else if (event.key === "r" || event.key === "R") replay();
  else if (event.target === $("seek")) return; // its arrows are its own
  else if (event.key === "ArrowLeft") $("back").click();
  else if (event.key === "ArrowRight") $("next").click();
  else return;
  event.preventDefault();
});
document.addEventListener("visibilitychange", refresh);
window.addEventListener("focus", refresh);

resume();
