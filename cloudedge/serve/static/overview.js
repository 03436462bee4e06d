// All photos at a glance: a list that leads to their cards, in one sentence, and their rows to keep.

import { make, NAMELESS, percent } from "./elements.js";

/** Name in a few words what a row says of its photo. */
export const sight = (row) => (row.status === "error" ? "Not read" : NAMELESS[row.reason] ?? row.genus);

/** Say in one sentence what was seen in photos. */
export function sentence(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(sight(row), (counts.get(sight(row)) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} ${name}`);
  const unsure = rows.filter((row) => row.reason === "low_confidence").length;
  return `${parts.join(", ")}${unsure ? `; ${unsure} of them not sure` : ""}.`;
}

/** The line of a card: a link to it, what was seen, and a button that removes it. */
export function entry(card, remove) {
  const link = make("a", { href: `#${card.element.id}`, textContent: card.file.name });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    card.element.scrollIntoView({ block: "nearest" });
    card.element.focus();
  });
  const button = make("button", { type: "button", textContent: "Remove" });
  button.setAttribute("aria-label", `Remove ${card.file.name}`);
  button.addEventListener("click", () => remove(card));
  const { result: row } = card;
  const sure = row?.probability && !NAMELESS[row.reason] ? ` ${percent(row.probability)}` : "";
  const words = row ? `${sight(row)}${sure}${row.reason === "low_confidence" ? ", not sure" : ""}` : "Waiting";
  return make("li", {}, link, make("span", { textContent: words }), button);
}

/** Write rows as the command line does: JSON Lines, or CSV with `level`, `top` and `sun` in columns of their own. */
export const FORMATS = {
  jsonl: { kind: "application/jsonl", write: (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("") },
  csv: { kind: "text/csv", write: (rows) => csv(rows.map(flat)) },
};

function flat(row) {
  const cells = [];
  for (const [key, value] of Object.entries(row)) {
    if (key === "level") cells.push(["level_name", value?.name], ["level_probability", value?.probability]);
    else if (key === "sun") cells.push(...["elevation", "azimuth", "phase"].map((name) => [`sun_${name}`, value?.[name]]));
    else if (key !== "top") cells.push([key, value]);
    else for (const [at, one] of value.entries()) cells.push([`top${at + 1}_genus`, one.genus], [`top${at + 1}_probability`, one.probability]);
  }
  return new Map(cells);
}

function csv(rows) {
  const [longest] = [...rows].sort((a, b) => b.size - a.size);
  const columns = [...longest.keys()];
  const lines = [columns, ...rows.map((row) => columns.map((name) => row.get(name) ?? ""))];
  return lines.map((cells) => `${cells.map((value) => cell(String(value))).join(",")}\n`).join("");
}

function cell(text) {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => (/[\u200c\u200d]/.test(c) ? c : escaped(c)));
  return /[",]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function escaped(character) {
  const code = character.codePointAt(0), hex = code.toString(16);
  const short = { 9: "\\t", 10: "\\n", 13: "\\r" }[code];
  if (short) return short;
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Let the browser save a text as a file. */
export function save(name, text, kind) {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
