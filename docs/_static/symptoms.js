// A field on the page of symptoms. What is typed or pasted, a message or a question, is compared with each row: the rows
// that share its rarest words come first, three of them. tests/test_symptoms.py has the same rule.

const wordsOf = text => new Set((text.toLowerCase().match(/[a-z0-9]+/g) || []).map(
  word => word.replace(/(.{3,})(?:ing|ed|es|(?<!s)s)$/, "$1")));

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("section#symptoms");
  if (!page) return;
  const rows = [...page.querySelectorAll("tbody tr")].map(row => ({ row, words: wordsOf(row.textContent) }));
  const rarity = word => Math.log(rows.length / (rows.filter(({ words }) => words.has(word)).length || rows.length));
  const field = document.createElement("label");
  field.className = "symptom-field";
  field.innerHTML = 'What do you see? <input type="search" placeholder="words of a message, or of your question">';
  const best = document.createElement("div");
  best.className = "symptom-best";
  best.setAttribute("aria-live", "polite");
  page.querySelector("section").before(field, best);
  field.addEventListener("input", ({ target }) => {
    const asked = [...wordsOf(target.value)].map(word => [word, rarity(word)]);
    const score = ({ words }) => asked.reduce((sum, [word, weight]) => sum + (words.has(word) ? weight : 0), 0);
    const found = rows.map(row => [score(row), row]).filter(([points]) => points > 0).sort(([a], [b]) => b - a);
    const table = document.createElement("table");
    table.className = "table";
    table.append(page.querySelector("thead").cloneNode(true), document.createElement("tbody"));
    table.tBodies[0].append(...found.slice(0, 3).map(([, { row }]) => row.cloneNode(true)));
    best.replaceChildren(...(found.length ? [table] : []));
  });
});
