// Shows a table's rows as blocks on narrow screens, each value with its column's name: `v-stacked`.
// base.css has the rules. The roles are explicit, because `display: block` removes a table's own.
import type { Directive } from "vue";

function describe(table: HTMLTableElement): void {
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  const names = heads.map((head) => head.textContent.trim());
  table.classList.add("stacked");
  table.setAttribute("role", "table");
  for (const head of heads) head.setAttribute("role", "columnheader");
  for (const group of [table.tHead, ...table.tBodies]) group?.setAttribute("role", "rowgroup");
  for (const row of table.rows) row.setAttribute("role", "row");
  for (const row of [...table.tBodies].flatMap((body) => [...body.rows]))
    [...row.cells].forEach((cell, index) => {
      cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      cell.dataset["column"] = names[index] ?? "";
    });
}

export const vStacked: Directive<HTMLTableElement> = { mounted: describe, updated: describe };
