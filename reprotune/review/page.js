"use strict";
// Keys press buttons, and an answer shows the next row without a new page. Without this script the
// buttons do the same.

const BOUNCE = 150; // milliseconds in which a row just shown takes no key: it cannot have been read
const PATIENCE = 500; // milliseconds after which an answer that is on its way is said to be so
const QUICK = "Too quick: that came before the row could be read. Nothing was written.";
const SLOW = "Not written yet: the computer that runs the review takes its time. Please wait.";
const GONE = "Not written: the review no longer runs. All earlier answers are kept. Have "
  + "`reprotune review` started again, open the address that it prints, and give this answer again.";
const said = document.getElementById("said");
let shownAt = performance.now();
let isSending = false;

function tell(message, isWrong) {
  said.textContent = message;
  said.classList.toggle("wrong", isWrong);
}

function show(text, address) {
  const next = new DOMParser().parseFromString(text, "text/html");
  const isOpen = document.getElementById("guidelines")?.open;
  const written = [...document.querySelectorAll("[name=note], [name=typed]")];
  document.querySelector("main").replaceWith(next.querySelector("main"));
  if (isOpen !== undefined) document.getElementById("guidelines")?.toggleAttribute("open", isOpen);
  const message = next.getElementById("said").textContent;
  const isWrong = message.startsWith("Not written");
  let place = document.getElementById("row");
  for (const { name, value } of isWrong ? written : []) {
    const field = document.querySelector(`[name=${name}]`);
    if (!field || !value) continue;
    field.value = value;
    if (name === "typed") place = field; // who goes on with the name of a class presses no keys
  }
  tell(message, isWrong);
  history.replaceState(null, "", address);
  shownAt = performance.now();
  place.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

async function send(form, button) {
  if (isSending) return;
  isSending = true;
  const slow = setTimeout(() => tell(SLOW, false), PATIENCE);
  try {
    const body = new URLSearchParams(new FormData(form, button));
    const place = button.getAttribute("formaction") ?? form.getAttribute("action");
    const answer = await fetch(place, { method: "POST", body });
    const text = await answer.text();
    if (answer.ok) show(text, answer.url);
    else tell(`Not written: ${text}`, true);
  } catch {
    tell(GONE, true);
  } finally {
    clearTimeout(slow);
    isSending = false;
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  event.preventDefault();
  send(event.target, event.submitter);
});

document.addEventListener("click", (event) => { // the second of a double click is for the next row
  if (event.detail < 2 || !event.target.closest("form[method=post] button")) return;
  event.preventDefault();
  tell(QUICK, false);
});

function reveal(element) { // and no further: the text is to stay in sight
  element.scrollIntoView({ block: "nearest" });
}

function find(key) {
  const safe = CSS.escape(key.length === 1 ? key.toLowerCase() : key);
  return document.querySelector(
    `[data-key="${safe}"], [data-focus="${safe}"], [data-toggle="${safe}"]`);
}

function findPressed(event) { // also where letters are not Latin ones, or digits need the shift key
  const place = event.key > "\x7f" ? /^(?:Key|Digit)(.)$/ : /^Digit(.)$/;
  const printed = event.shiftKey ? null : event.code.match(place);
  return find(event.key) ?? (printed && find(printed[1]));
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (writes && (event.key === "Escape" || (event.key === "Enter" && event.target.name === "note"))) {
    event.preventDefault();
    document.getElementById("row").focus(); // and seen again
    return;
  }
  if (writes || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const found = findPressed(event);
  if (!found) {
    if (/^[^\s]$/u.test(event.key)) tell(`${event.key} is on no button. Nothing was written.`, false);
    return;
  }
  event.preventDefault();
  if (found.dataset.focus) {
    found.closest("details")?.setAttribute("open", "");
    reveal(found);
    found.focus({ preventScroll: true });
  } else if (found.tagName === "DETAILS") {
    found.toggleAttribute("open");
    reveal(found);
  } else if (found.type === "checkbox") found.click();
  else if (event.repeat || performance.now() - shownAt < BOUNCE) {
    tell(QUICK, false);
  } else found.click();
});

window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
document.getElementById("row").focus({ preventScroll: true });
