// The clips of one page: play, pause, seek, and what was heard. One plays at a time.

const ENOUGH = 5; // seconds of a clip that must be heard, or all of it if it is shorter

export class Players {
  constructor(place, trial, loaded, { sliders, changed }) {
    this.changed = changed;
    this.names = names(trial, sliders !== null);
    this.last = 0;
    this.items = this.names.map((name) => this.build(name, trial, loaded[name.place], sliders));
    place.replaceChildren(...this.items.map((item) => item.box));
  }

  build(name, trial, loaded, sliders) {
    const box = make("div", { className: "player" });
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", name.label);
    const audio = new Audio(loaded || `audio/${trial.id}/${name.place}`);
    audio.preload = "auto";
    const play = make("button", { type: "button", className: "play", textContent: name.label });
    play.setAttribute("aria-keyshortcuts", name.key);
    const state = make("span", { className: "state", textContent: "not heard yet" });
    const row = make("div", { className: "row" });
    row.append(play, state);
    const seek = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0 });
    seek.setAttribute("aria-label", `Position in ${name.label}`);
    box.append(row, seek);
    const item = { name, box, audio, play, state, seek, loaded, heard: 0, before: 0, done: false };
    if (sliders && name.place !== "reference") box.append(...slider(item, sliders, this.changed));
    this.listen(item);
    return item;
  }

  listen(item) {
    const { audio, box, play, seek, name } = item;
    play.addEventListener("click", () => this.toggle(this.items.indexOf(item)));
    seek.addEventListener("input", () => {
      if (audio.duration) audio.currentTime = item.before = seek.value * audio.duration;
    });
    audio.addEventListener("timeupdate", () => this.progress(item));
    audio.addEventListener("ended", () => {
      this.progress(item);
      this.finish(item);
    });
    for (const kind of ["play", "pause", "ended"])
      audio.addEventListener(kind, () => {
        const playing = !audio.paused && !audio.ended;
        box.classList.toggle("playing", playing);
        play.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${name.label}`);
      });
    play.setAttribute("aria-label", `Play ${name.label}`);
    audio.addEventListener("error", () => {
      item.state.textContent = "cannot be loaded; press to try again";
      item.broken = true;
    });
  }

  progress(item) {
    const { audio, seek } = item;
    const step = audio.currentTime - item.before;
    if (step > 0 && step < 1.5) item.heard += step; // more is a jump
    item.before = audio.currentTime;
    if (audio.duration) {
      seek.value = audio.currentTime / audio.duration;
      seek.setAttribute("aria-valuetext", `${audio.currentTime.toFixed(0)} seconds`);
    }
    if (item.heard >= Math.min(ENOUGH, 0.9 * (audio.duration || Infinity))) this.finish(item);
  }

  finish(item) {
    if (item.done || item.heard <= 0) return;
    item.done = true;
    item.state.textContent = "heard";
    item.box.classList.add("heard");
    this.changed();
  }

  toggle(index) {
    const item = this.items[index];
    this.last = index;
    if (!item.audio.paused) return item.audio.pause();
    for (const other of this.items) if (other !== item) other.audio.pause();
    if (item.broken) {
      item.broken = false;
      item.audio.load();
    }
    item.audio.play().catch(() => {});
  }

  toggleLast() {
    this.toggle(this.last);
  }

  pause() {
    for (const item of this.items) item.audio.pause();
  }

  allHeard() {
    return this.items.every((item) => item.done);
  }

  missing() {
    return this.items.filter((item) => !item.done).map((item) => item.name.label);
  }

  scores() {
    const rated = this.items.filter((item) => item.slider);
    return rated.every((item) => item.moved) ? rated.map((item) => Number(item.slider.value)) : null;
  }

  close() {
    for (const item of this.items) {
      item.audio.pause();
      item.audio.removeAttribute("src");
      if (item.loaded) URL.revokeObjectURL(item.loaded);
    }
  }
}

function names(trial, many) {
  const letters = "abcdefghijklmnopqstuvwxyz"; // r plays the reference
  const word = many ? "Sample" : "Clip";
  const own = [...Array(trial.clips).keys()].map((place) => ({
    place,
    key: letters[place],
    label: trial.clips === 1 ? "the clip" : `${word} ${letters[place].toUpperCase()}`,
  }));
  return trial.reference ? [{ place: "reference", key: "r", label: "Reference" }, ...own] : own;
}

function slider(item, { lowest, highest }, changed) {
  const range = make("input", { type: "range", min: lowest, max: highest, step: 1 });
  range.value = (lowest + highest) / 2;
  const shown = make("b", { textContent: "not rated" });
  const label = make("label", { textContent: `Score of ${item.name.label}: ` });
  label.append(shown, range);
  range.addEventListener("input", () => {
    item.moved = true;
    shown.textContent = range.value;
    changed();
  });
  item.slider = range;
  return [label];
}

function make(tag, values) {
  return Object.assign(document.createElement(tag), values);
}
