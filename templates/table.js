/* Written by mirrorkeep */
"use strict";
// Sorts tables by their columns, and filters their rows; without it all rows are there in the order in which they were written.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => sign * key(a).localeCompare(key(b), "en", { numeric: true });
      body.append(...Array.from(body.rows).sort(compare));
    });
  });
  if (body.rows.length < 8) continue;
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "search";
  label.className = "filter";
  label.append("Filter ", input);
  const none = document.createElement("p");
  none.className = "note";
  none.setAttribute("role", "status");
  table.parentElement.before(label);
  table.parentElement.after(none);
  input.addEventListener("input", () => {
    const text = input.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(text);
    none.textContent = Array.from(body.rows).every((row) => row.hidden) ? "No row has this text." : "";
  });
}
