// Shows a table's rows as blocks on narrow screens, each value with its column's name: `v-stacked`.
// The styles are in base.css. Roles are explicit, because `display: block` removes the table's own.
import type { Directive } from "vue";

function stack(table: HTMLTableElement): void {
  const headings = [...(table.tHead?.rows[0]?.cells ?? [])];
  const names = headings.map((heading) => heading.textContent.trim());
  table.classList.add("stacked");
  table.setAttribute("role", "table");
  for (const heading of headings) heading.setAttribute("role", "columnheader");
  for (const group of [table.tHead, ...table.tBodies]) group?.setAttribute("role", "rowgroup");
  for (const row of table.rows) row.setAttribute("role", "row");
  for (const row of [...table.tBodies].flatMap((body) => [...body.rows]))
    [...row.cells].forEach((cell, index) => {
      cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      cell.dataset["column"] = names[index] ?? "";
    });
}

export const vStacked: Directive<HTMLTableElement> = { mounted: stack, updated: stack };
