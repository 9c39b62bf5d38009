// The diagnostics: how it stands, how long the stages take, the last turns as bars.
//
//   drawTurns(panel, traces, status);     // traces null: as before
//   drawLevels({ mic_db, far_db });

let last = null;

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
};
const ms = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)}`);

export function drawTurns(panel, traces, status) {
  last = traces ?? last;
  if (!panel.firstChild) frame(panel);
  tiles(panel.querySelector(".tiles"), status);
  const stages = last?.stages ?? [];
  panel.querySelector(".stages").replaceChildren(stages.length ? stageTable(stages) : make("p", {}, "No turn has been heard yet."));
  panel.querySelector(".last").replaceChildren(...(last?.turns ?? []).map((turn) => turnFigure(turn, last.window_ms)));
  panel.querySelector(".key").hidden = !last?.turns.length;
}

export function drawLevels({ mic_db, far_db }) {
  for (const [id, db] of [["mic", mic_db], ["far", far_db]]) {
    const meter = document.getElementById(`${id}-level`);
    if (!meter) return;
    meter.value = Math.max(-90, db);
    document.getElementById(`${id}-db`).textContent = `${Math.round(db)} dB`;
  }
}

function frame(panel) {
  const theme = make("select", { id: "theme" });
  for (const [value, label] of [["", "as the system"], ["dark", "dark"], ["light", "light"]]) theme.append(make("option", { value }, label));
  theme.value = document.documentElement.dataset.theme ?? "";
  theme.addEventListener("change", () => {
    try { localStorage.setItem("theme", theme.value); } catch { /* until the page is left */ }
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });
  const meter = (id, label) => make("p", { class: "level" }, make("label", { for: `${id}-level` }, label),
    make("meter", { id: `${id}-level`, min: -90, max: 0, low: -60, high: -6, optimum: -20, value: -90 }), make("span", { id: `${id}-db` }, "–"));
  const key = [["stage", "in time"], ["over", "over its budget"], ["partial", "partial decodes"], ["discarded", "thrown away"], ["speech", "the user speaks"]];
  panel.append(
    make("div", { class: "now" }, make("h2", {}, "Now"), make("dl", { class: "tiles" }), meter("mic", "Microphone"), meter("far", "Loudspeaker"),
      make("p", { class: "theme" }, make("label", { for: "theme" }, "Colours"), theme)),
    make("div", {}, make("h2", {}, "How long it takes, ms"), make("div", { class: "stages" })),
    make("div", { class: "wide" }, make("h2", {}, "The last turns"),
      make("p", { class: "key" }, ...key.map(([kind, label]) => make("span", {}, make("i", { class: `bar ${kind}` }), label))), make("div", { class: "last" })),
  );
}

function tiles(list, status) {
  const card = status.card_stats ?? {};
  const whole = (status.stages ?? []).find((each) => each.stage === "ttfa");
  const rows = [
    ["Turns", status.turns ?? 0],
    ["Failures", status.failures ?? 0],
    ["Underruns", (card.playback_underflows ?? 0) + (card.capture_overflows ?? 0)],
    ["TTFA p50", ms(whole?.p50_ms)],
    ["TTFA p95", ms(whole?.p95_ms)],
    ["Lost, ms", Math.round((card.capture_lost_samples ?? 0) / 16)],
    ["Card", `${status.card ?? "none"} (session ${status.session ?? "–"})`],
  ];
  if (status.last?.error) rows.push(["Last error", status.last.error]);
  for (const [what, why] of Object.entries(status.outside ?? {})) rows.push([what, why]);
  list.replaceChildren(...rows.map(([name, value]) =>
    make("div", String(value).length > 12 ? { class: "long" } : {}, make("dt", {}, name), make("dd", {}, String(value)))));
}

function stageTable(stages) {
  const table = make("table", {}, make("caption", { class: "hide" }, "Percentiles of each stage"));
  const head = make("tr");
  for (const title of ["Stage", "p50", "p95", "p99", "Budget", "Over"]) head.append(make("th", { scope: "col" }, title));
  const body = make("tbody");
  for (const each of stages) {
    const late = each.budget_ms !== null && each.p95_ms > each.budget_ms;
    const row = make("tr", late ? { class: "late" } : {}, make("th", { scope: "row", title: each.what }, each.label));
    for (const value of [each.p50_ms, each.p95_ms, each.p99_ms, each.budget_ms]) row.append(make("td", {}, ms(value)));
    row.append(make("td", {}, each.over ? `${each.over} of ${each.count}` : "none"));
    body.append(row);
  }
  table.append(make("thead", {}, head), body);
  return table;
}

function turnFigure(turn, [left, right]) {
  const share = (at) => Math.max(0, Math.min(100, ((at - left) / (right - left)) * 100));
  const name = turn.ttfa_ms === null ? "no sound" : `${ms(turn.ttfa_ms)} ms to the first sound`;
  const table = make("table", { class: "fall" }, make("caption", {}, `Turn ${turn.turn}: ${name}${turn.interrupted ? ", interrupted" : ""}`));
  const body = make("tbody");
  for (const row of turn.rows) {
    const lane = make("div", { class: "lane" });
    lane.style.setProperty("--zero", `${share(0)}%`);
    for (const bar of row.bars) {
      const piece = make("i", { class: `bar ${bar.kind}` });
      piece.style.left = `${share(bar.start_ms)}%`;
      piece.style.width = `${Math.max(0.4, share(bar.end_ms) - share(bar.start_ms))}%`;
      lane.append(piece);
    }
    const length = row.length_ms === null ? "" : `${ms(row.length_ms)}${row.over ? " over" : ""}`;
    body.append(make("tr", row.over ? { class: "late" } : {}, make("th", { scope: "row" }, row.label), make("td", { "aria-hidden": "true" }, lane), make("td", {}, length)));
  }
  table.append(body);
  const notes = turn.notes.length
    ? make("details", {}, make("summary", {}, "What else"), make("ul", {}, ...turn.notes.map((note) => make("li", {}, note)))) : null;
  return make("div", { class: "turn" }, table, notes);
}
