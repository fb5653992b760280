import assert from "node:assert/strict";
import test from "node:test";

import { clash, nights } from "../dist/stay.js";

test("nights over the end of a month and a year", () => {
  assert.equal(nights({ from: "2026-01-30", to: "2026-02-02" }), 3);
  assert.equal(nights({ from: "2025-12-31", to: "2026-01-01" }), 1);
  assert.equal(nights({ from: "2026-03-27", to: "2026-03-30" }), 3);
});

test("no nights", () => {
  assert.equal(nights({ from: "2026-01-05", to: "2026-01-02" }), 0);
});

test("one may follow the other", () => {
  const first = { from: "2026-01-01", to: "2026-01-05" };
  assert.equal(clash(first, { from: "2026-01-05", to: "2026-01-09" }), false);
  assert.equal(clash({ from: "2025-12-28", to: "2026-01-01" }, first), false);
  assert.equal(clash(first, { from: "2026-01-04", to: "2026-01-09" }), true);
  assert.equal(clash(first, { from: "2026-01-02", to: "2026-01-03" }), true);
  assert.equal(clash({ from: "2026-01-02", to: "2026-01-03" }, first), true);
});
