"use strict";
const FEWEST = 4;  // rows that are worth a filter
const text = (row, column) => row.cells[column].textContent.trim();
const number = words => words === "" ? -Infinity : Number(words.replaceAll(",", ""));
const order = new Intl.Collator("en", {numeric: true}).compare;

function sort(table, column) {
  const heading = table.tHead.rows[0].cells[column];
  const sign = heading.ariaSort === "ascending" ? -1 : 1;
  const rows = [...table.tBodies[0].rows];
  const numeric = rows.every(row => !Number.isNaN(number(text(row, column))));
  const compare = numeric ? (a, b) => (number(a) > number(b)) - (number(a) < number(b)) : order;
  rows.sort((a, b) => sign * compare(text(a, column), text(b, column)));
  for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
  heading.ariaSort = sign > 0 ? "ascending" : "descending";
  table.tBodies[0].append(...rows);
}

function addSorting(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(table, column));
    heading.replaceChildren(button);
  });
}

function addFilter(table) {
  const rows = [...table.tBodies[0].rows];
  const label = document.createElement("label"), input = document.createElement("input"), told = document.createElement("output");
  label.className = "filter";
  input.type = "search";
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
    told.textContent = input.value ? `${rows.filter(row => !row.hidden).length} of ${rows.length} rows` : "";
  });
  label.append("Filter ", input, " ", told);
  table.parentElement.before(label);
}

for (const table of document.querySelectorAll("table")) {
  const rows = table.tBodies[0].rows.length;
  if (rows > 1) addSorting(table);
  if (rows >= FEWEST) addFilter(table);
}
