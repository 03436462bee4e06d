// Small things that make the page.

/** Make an element with properties and children; text is only ever text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Write a probability for people to read. */
export const percent = (p) => (p < 0.005 ? "<1%" : p >= 0.995 ? ">99%" : `${Math.round(100 * p)}%`);

/** What a photo shows in which no cloud can be named, by the reason. */
export const NAMELESS = { clear: "Clear sky", dark: "Too dark", unfamiliar: "Not a sky I know" };
