// The page of a listening test: begin or go on, play the clips of a page, answer, next.
// What it knows comes from /api/session and /api/vote; who the rater is lies in localStorage and in
// the address after '#', which is never sent anywhere. A vote that the network swallowed is kept
// and sent again; the server counts it once.

import { Players } from "./players.js";

const byId = (id) => document.getElementById(id);
const KEY = "listening test " + location.pathname;
const TRIES = [500, 1000, 2000, 4000, 8000]; // milliseconds between attempts; the last one repeats

let question, view, players, started, answering = false;
let ahead = null; // the next page's clips, loaded while this one is heard

function remembered() {
  const own = new URLSearchParams(location.hash.slice(1)).get("rater");
  return own || new URLSearchParams(location.search).get("rater") || stored().rater || null;
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) || {};
  } catch {
    return {};
  }
}

function store(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...stored(), ...values }));
  } catch {
    // Without storage the address alone knows who this is.
  }
}

async function post(path, body) {
  for (let attempt = 0; ; attempt++) {
    try {
      const reply = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      if (reply.status < 500) {
        byId("alert").textContent = "";
        return { status: reply.status, told: await reply.json() };
      }
    } catch {
      // No connection: the same as a server that is being restarted.
    }
    byId("alert").textContent = "No connection. Your answer is kept and is sent again.";
    const wait = TRIES[Math.min(attempt, TRIES.length - 1)];
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function arrive() {
  const { status, told } = await post("api/session", { rater: remembered() });
  if (status !== 200) {
    byId("intro").textContent = "";
    byId("alert").textContent = told.error;
    return false;
  }
  ({ question } = told);
  view = told;
  store({ rater: told.rater });
  history.replaceState(null, "", "#rater=" + encodeURIComponent(told.rater));
  const { pending } = stored();
  if (pending && pending.rater === told.rater) await send(pending); // what a closed page left
  return true;
}

async function send(ballot) {
  store({ pending: ballot });
  const { status, told } = await post("api/vote", ballot);
  store({ pending: null });
  if (status === 200) view = told;
  else await arrive(); // answered before, or in another window: go on where the server is
}

function welcome(told) {
  const pages = told.total - told.done;
  const minutes = Math.max(1, Math.round((pages * (told.seconds * told.clips * 1.2 + 6)) / 60));
  byId("intro").textContent = told.done
    ? `Welcome back: ${told.done} of ${told.total} pages are done, about ${minutes} min are left.`
    : `You will hear ${pages} pages of short clips of music. It takes about ${minutes} minutes.`;
  const rules = [
    told.question.advice,
    "Use headphones if you can, in a quiet place. All clips are equally loud.",
    "You can stop at any time, and go on later with the address of this page.",
    "Your answers are kept under a random name. Nothing else is kept of you.",
  ];
  byId("rules").replaceChildren(...rules.map((rule) => element("li", rule)));
  byId("begin").textContent = told.done ? "Go on" : "Begin";
  byId("begin").disabled = false;
}

function show(section) {
  for (const id of ["start", "trial", "end"]) byId(id).hidden = id !== section;
  byId(section).querySelector("h1").focus();
  scrollTo(0, 0);
}

function turn() {
  byId("where").hidden = false;
  byId("progress").max = view.total;
  byId("progress").value = view.done;
  if (!view.trial) {
    byId("count").textContent = `${view.total} of ${view.total}`;
    byId("given").textContent = view.total;
    show("end");
    return;
  }
  const { trial } = view;
  byId("count").textContent = `Page ${view.done + 1} of ${view.total}`;
  byId("heading").textContent = question.title;
  byId("caption").hidden = trial.text === null;
  byId("text").textContent = trial.text || "";
  byId("legend").textContent = question.text;
  byId("advice").textContent = question.advice;
  players?.close();
  const loaded = ahead?.id === trial.id ? ahead.clips : {};
  players = new Players(byId("players"), trial, loaded, { sliders: sliders(), changed: ready });
  byId("keys").textContent = keys(trial);
  byId("choices").replaceChildren(...question.choices.map(choice));
  answering = false;
  started = performance.now();
  ready();
  show("trial");
  preload(view.next);
}

const sliders = () =>
  question.choices.length ? null : { lowest: question.lowest, highest: question.highest };

function choice(name, place) {
  const label = element("label", "");
  label.className = "choice";
  const input = element("input", "");
  Object.assign(input, { type: "radio", name: "answer", value: question.lowest + place });
  input.addEventListener("change", ready);
  const key = element("kbd", String(place + 1));
  key.setAttribute("aria-hidden", "true");
  label.append(input, element("span", name), key);
  return label;
}

function keys(trial) {
  const letters = players.names.map((name) => name.key.toUpperCase()).join(", ");
  const numbers = question.choices.length ? "1 to 5 choose an answer, " : "";
  return `${letters} play or pause${trial.clips > 1 ? " each clip" : " the clip"}, space pauses ` +
    `or goes on, ${numbers}Enter goes to the next page.`;
}

function chosen() {
  if (!question.choices.length) return players.scores();
  const input = document.querySelector("input[name=answer]:checked");
  return input ? [Number(input.value)] : null;
}

function ready() {
  const heard = players?.allHeard() ?? false;
  byId("answer").disabled = !heard;
  byId("send").disabled = !heard || chosen() === null;
  const missing = players?.missing() ?? [];
  const hint = missing.length
    ? `First listen to ${missing.join(" and ")}.`
    : chosen() === null
      ? question.choices.length ? "Now choose an answer." : "Now move every slider."
      : "Go on with Next.";
  if (byId("hint").textContent !== hint) byId("hint").textContent = hint;
}

// The next page's clips, so that it can begin at once.
async function preload(trial) {
  if (!trial) return;
  const next = { id: trial.id, clips: {} };
  ahead = next;
  const places = [...Array(trial.clips).keys(), ...(trial.reference ? ["reference"] : [])];
  for (const place of places) {
    try {
      const reply = await fetch(`audio/${trial.id}/${place}`);
      if (reply.ok) next.clips[place] = URL.createObjectURL(await reply.blob());
    } catch {
      return; // then they are loaded when they are played
    }
  }
}

async function submit() {
  const answer = chosen();
  if (answering || answer === null || !players.allHeard()) return;
  answering = true;
  byId("send").disabled = true;
  players.pause();
  const seconds = (performance.now() - started) / 1000;
  await send({ rater: view.rater, trial: view.trial.id, answer, seconds });
  turn();
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function pressed(event) {
  if (byId("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const number = Number(key);
  const inputs = document.querySelectorAll("input[name=answer]");
  const named = players.names.findIndex((name) => name.key === key);
  if (named >= 0) players.toggle(named);
  else if (number >= 1 && number <= inputs.length && !byId("answer").disabled) {
    inputs[number - 1].checked = true;
    inputs[number - 1].focus();
    ready();
  } else if (key === " " && !event.target.closest("button, input, summary")) players.toggleLast();
  else if (key === "enter" && !event.target.closest("button, summary")) submit();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", pressed);
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
byId("begin").addEventListener("click", turn);
if (await arrive()) {
  const { trial } = view;
  if (!trial) turn();
  else welcome({ ...view, question, seconds: view.seconds ?? 10, clips: trial.clips });
}
