// The card of one photo.

import { make, NAMELESS, percent } from "./elements.js";
import { CONTOUR, FULL, draw, drawRamp, place } from "./overlay.js";

const LONG_SIDE = 960; // of a photo on the page, in pixels

const DOUBTS = {
  low_confidence: "no genus stands out. The best guess and what else it may be:",
  unfamiliar: "this photo is unlike the skies that the model knows. Its guesses all the same:",
  dark: "there is too little light to tell. The guesses all the same:",
  clear: "there is hardly any cloud to name. The guesses all the same:",
};

/** Say what a row says, for those who listen. */
export function inOneLine(row) {
  const [best] = row.top;
  if (row.genus === null) return `${NAMELESS[row.reason]}; the best guess is ${best.genus}, ${percent(best.probability)}`;
  return `${row.certain ? "" : "not sure, perhaps "}${row.genus}, ${percent(row.probability)}`;
}

/** What a photo is shown in: first how far it is, then what was seen in it or what went wrong. */
export class Card {
  /** `announce` says something to those who listen, `again` asks for another try. */
  constructor(file, { announce, again }) {
    Object.assign(this, { file, announce, again });
    this.element = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find(".photo").setAttribute("aria-label", `Photo ${file.name}`);
    this.find(".why").addEventListener("click", () => this.toggle());
    this.wait("Waiting", 0);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  wait(words, share) {
    this.find(".progress").hidden = false;
    this.find(".progress span").textContent = words;
    const bar = this.find("progress");
    bar.setAttribute("aria-label", `${words}: ${this.file.name}`);
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
  }

  /** Show the photo, from its file unless it is decoded already. */
  async showPhoto(decoded = createImageBitmap(this.file)) {
    const canvas = this.find(".photo");
    try {
      const picture = await decoded;
      const scale = Math.min(LONG_SIDE / Math.max(picture.width, picture.height), 1);
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      picture.close();
    } catch {
      canvas.remove();
      this.find(".why").hidden = true;
      this.find(".picture").append(make("p", { textContent: "This browser cannot show the file." }));
    }
  }

  /** Show a row, and in words what its genus looks like. */
  show(row, look) {
    this.row = row;
    this.find(".progress").hidden = true;
    this.words(this.title(row));
    if (!row.certain) {
      const doubt = DOUBTS[row.reason] ?? row.reason;
      this.add(make("p", { className: "notice" }, make("strong", { textContent: "Not sure: " }), doubt));
    }
    this.add(make("ol", { className: "bars" }, ...row.top.map((entry) => this.bar(entry))));
    this.add(this.setting(row, look));
    this.find(".why").hidden = !(row.evidence && this.find(".photo"));
    this.choose(row.top[0].genus);
  }

  /** The genus and its probability, or what the photo shows instead. */
  title(row) {
    if (row.genus === null) return make("div", { className: "title" }, make("h2", { textContent: NAMELESS[row.reason] }));
    const heading = make("h2", {}, row.genus, " ", make("abbr", { textContent: row.abbreviation }));
    const sure = make("strong", { className: "probability", textContent: percent(row.probability) });
    return make("div", { className: "title" }, heading, sure);
  }

  words(...children) {
    this.find(".words").replaceChildren(...children);
  }

  add(child) {
    this.find(".words").append(child);
  }

  bar({ genus, probability }) {
    const fill = make("span", { className: "fill" });
    fill.style.width = `${100 * probability}%`;
    const name = make("span", { className: "genus", textContent: genus });
    const words = [name, make("span", { textContent: percent(probability) }), make("span", { className: "track" }, fill)];
    const button = make("button", { type: "button", title: `Show where ${genus} is seen` }, ...words);
    button.dataset.genus = genus;
    button.addEventListener("click", () => this.choose(genus, true));
    return make("li", {}, button);
  }

  setting(row, look) {
    const pairs = row.genus === null ? [] : [
      ["Level", `${row.level.name} (${percent(row.level.probability)})`],
      ["Cloud base", row.base],
      ["Rain", row.rain],
    ];
    if (row.captured_at) pairs.push(["Taken", row.captured_at.replace("T", " ")]);
    if (row.genus !== null) pairs.push([`What ${row.genus} looks like`, look]);
    const list = make("dl", {}, ...pairs.map(([name, value]) => make("div", {},
      make("dt", { textContent: name }), make("dd", { textContent: value }))));
    const link = make("a", { href: row.genus === null ? "#genera" : `#genus-${row.genus}`, textContent: "Compare the ten genera" });
    return make("div", {}, list, make("p", { className: "more" }, link));
  }

  toggle() {
    this.showsWhy = !this.showsWhy;
    this.choose(this.genus);
    if (this.showsWhy) this.announce(this.find(".overlay").getAttribute("aria-label"));
  }

  /** Choose the genus whose evidence is shown, and show it where that is wanted. */
  choose(genus, wanted = this.showsWhy) {
    this.genus = genus;
    this.showsWhy = Boolean(wanted && this.row.evidence && this.find(".photo"));
    for (const button of this.element.querySelectorAll(".bars button")) {
      button.disabled = this.find(".why").hidden;
      button.setAttribute("aria-pressed", String(this.showsWhy && button.dataset.genus === genus));
    }
    const why = this.find(".why");
    why.setAttribute("aria-pressed", String(Boolean(this.showsWhy)));
    this.element.classList.toggle("shows-why", this.showsWhy);
    this.find(".overlay").hidden = this.find(".legend").hidden = !this.showsWhy;
    if (this.showsWhy) this.drawEvidence(genus);
  }

  drawEvidence(genus) {
    const { maps, box } = this.row.evidence;
    const photo = this.find(".photo"), overlay = this.find(".overlay");
    overlay.width = photo.width;
    overlay.height = photo.height;
    const peak = draw(overlay, maps[genus], box);
    drawRamp(this.find(".ramp"));
    const where = peak > 0 ? `What speaks for ${genus} lies mostly ${place(maps[genus], box)}` : `Nothing speaks for ${genus}`;
    overlay.setAttribute("aria-label", where);
    const strongest = Math.max(peak, 0).toFixed(1);
    this.find(".about").textContent = `speaks for ${genus} (logit): at most ${strongest}; line: ${CONTOUR}`;
    this.find(".full").textContent = `${FULL}+`;
  }

  fail(problem, again = false) {
    this.find(".progress").hidden = true;
    this.words(make("p", { className: "notice problem" }, make("strong", { textContent: this.file.name }), ` ${problem}`));
    if (!again) return;
    const button = make("button", { type: "button", className: "again", textContent: "Try again" });
    button.addEventListener("click", () => {
      this.element.focus(); // before the button goes
      this.words();
      this.wait("Waiting", 0);
      this.again(this);
    });
    this.add(button);
  }
}
