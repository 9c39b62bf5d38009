// The talk button: held by finger, mouse, space or enter, it must never stay down.
//
//   const talk = holdToTalk(button, (down) => send({ do: down ? "press" : "release" }));
//   talk.release();                       // the connection is lost, the page is left ...

const LONGEST_MS = 60_000; // nobody speaks longer at a breath; a key that got stuck does

export function holdToTalk(button, onChange) {
  let held = "";
  let byKey = false;
  let timer = 0;

  function press(by) {
    if (held || button.getAttribute("aria-disabled") === "true") return;
    held = by;
    button.dataset.held = "";
    timer = setTimeout(release, LONGEST_MS);
    onChange(true);
  }

  function release() {
    if (!held) return;
    held = "";
    delete button.dataset.held;
    clearTimeout(timer);
    onChange(false);
  }

  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture?.(event.pointerId);
    press("pointer");
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    button.addEventListener(end, () => held === "pointer" && release());
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // a screen reader clicks without pointer or key: then the first click is down, the second up
  button.addEventListener("click", (event) => {
    if (event.detail === 0 && !byKey) held ? release() : press("click");
    byKey = false;
  });

  const ours = (event) =>
    event.target === button ? event.code === "Space" || event.code === "Enter" : event.code === "Space" && event.target === document.body;
  document.addEventListener("keydown", (event) => {
    if (!ours(event) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    byKey = event.target === button;
    if (!event.repeat) press("key");
  });
  document.addEventListener("keyup", (event) => {
    if ((event.code === "Space" || event.code === "Enter") && held === "key") {
      event.preventDefault();
      release();
    }
    setTimeout(() => (byKey = false));
  });
  addEventListener("blur", release);
  addEventListener("pagehide", release);
  document.addEventListener("visibilitychange", () => document.hidden && release());
  return { release, get held() { return held !== ""; } };
}
