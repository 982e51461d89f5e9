"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const stored = { get: () => { try { return localStorage.getItem("bench-theme"); } catch { return null; } },
    set: (theme) => { try { localStorage.setItem("bench-theme", theme); } catch { /* a page from a file may keep none */ } } };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (theme) => { root.dataset.theme = theme; };
  paint(stored.get() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!stored.get()) paint(dark.matches ? "dark" : "light"); });
  document.querySelector(".theme").addEventListener("click", () => {
    paint(root.dataset.theme === "dark" ? "light" : "dark");
    stored.set(root.dataset.theme);
  });

  // Sorting: a cell sorts by its data-value, a number; cells without one come last, whichever way.
  const value = (row, column) => {
    const cell = row.cells[column], given = cell.dataset.value;
    if (given === undefined) return cell.textContent.trim().toLowerCase();
    return given === "" ? null : given === "inf" ? Infinity : given === "-inf" ? -Infinity : Number(given);
  };
  const sort = (header) => {
    const table = header.closest("table"), column = header.cellIndex;
    const way = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    all("th", table).forEach((th) => th.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row, i) => [value(row, column), i, row]);
    rows.sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      return way * (a < b ? -1 : a > b ? 1 : 0) || i - j;
    });
    table.tBodies[0].append(...rows.map(([, , row]) => row));
  };
  all("table.sortable thead th button").forEach((button) => button.addEventListener("click", () => sort(button.closest("th"))));

  // Filtering: every row knows its method, every board its task.
  const search = document.getElementById("search"), task = document.getElementById("task");
  const best = document.getElementById("only-best"), failed = document.getElementById("only-failed");
  const told = document.getElementById("told");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let rows = 0, tasks = 0;
    for (const board of all(".board")) {
      const wanted = task.value === "" || board.dataset.board === task.value;
      let shown = 0;
      for (const row of board.querySelector("tbody").rows) {
        const text = row.dataset.method.toLowerCase();
        row.hidden = !(wanted && words.every((word) => text.includes(word)) && (!best.checked || row.classList.contains("best"))
          && (!failed.checked || row.dataset.failures !== "0"));
        shown += !row.hidden;
      }
      board.hidden = shown === 0;
      rows += shown;
      tasks += shown > 0;
    }
    told.textContent = `${rows} rows on ${tasks} tasks`;
  };
  [search, task, best, failed].forEach((control) => control.addEventListener("input", filter));
  document.getElementById("reset").addEventListener("click", () => {
    search.value = ""; task.value = ""; best.checked = false; failed.checked = false; filter();
  });
  filter();

  // Drill-down. Whatever comes from results is set as text, never as markup.
  const make = (name, text = "", className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const tableOf = (header, rows) => {
    const table = make("table"), head = make("tr"), body = make("tbody"), scroll = make("div", "", "scroll");
    table.className = "plain";
    head.append(...header.map((name) => make("th", name)));
    table.append(make("thead"), body);
    table.tHead.append(head);
    for (const row of rows) {
      const line = make("tr");
      line.append(...row.map((cell) => make("td", cell === null ? "–" : String(cell))));
      body.append(line);
    }
    scroll.append(table);
    return scroll;
  };
  const described = (run) => {
    const details = make("details"), summary = make("summary");
    details.dataset.run = run.id;
    summary.append(make("strong", `seed ${run.seed}`), ` · ${run.status}${run.reason ? ": " + run.reason : ""} · `, make("code", run.id));
    details.append(summary);
    details.append(tableOf(["fact", "value"], run.facts));
    details.append(make("h4", "Values"), tableOf(["split", "step", "metric", "value"], run.values));
    if (run.more) details.append(make("p", `${run.more} more values are in the results' Parquet files.`, "note"));
    details.append(make("h4", "Run it again"), make("pre", run.again), make("p", data.again, "note"));
    details.append(make("h4", "Log"));
    if (run.log) details.append(make("pre", run.log));
    details.append(make("p", run.log_note, "note"));
    return details;
  };
  const dialog = document.querySelector("dialog");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.runs");
    if (!button) return;
    const [board, method] = [Number(button.dataset.board), button.dataset.method];
    const runs = data.runs.filter((run) => run.place === data.boards[board] && run.method === method);
    const content = dialog.querySelector(".content");
    dialog.querySelector("h3").textContent = `${method} on ${button.dataset.task}`;
    content.replaceChildren(...runs.map(described));
    if (runs.length === 1) content.querySelector("details").open = true;
    if (!runs.length) content.append(make("p", data.left_out));
    dialog.showModal();
  });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
