// @ts-check
// A menu in which something is searched for and chosen.

import { byId, element } from "./document.js";

/** It closes at Escape, and when somebody presses elsewhere. @param {string} id @param {(isOpen: boolean) => void} onToggle */
export function listenToMenu(id, onToggle) {
  const menu = /** @type {HTMLDetailsElement} */ (byId(id));
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("toggle", () => onToggle(menu.open));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
}

/** Whether each word in the search field `id` stands in one of some texts. @param {string} id @returns {(...texts: string[]) => boolean} */
export function searchOf(id) {
  const words = /** @type {HTMLInputElement} */ (byId(id)).value.trim().toLowerCase().split(/\s+/);
  return (...texts) => {
    const among = texts.map((text) => text.toLowerCase());
    return words.every((word) => among.some((text) => text.includes(word)));
  };
}

/** @param {boolean} checked @param {(checked: boolean) => void} onChange */
export function checkbox(checked, onChange) {
  const box = /** @type {HTMLInputElement} */ (element("input"));
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => onChange(box.checked));
  return box;
}
