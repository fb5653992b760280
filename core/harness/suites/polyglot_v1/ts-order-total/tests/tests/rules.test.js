import assert from "node:assert/strict";
import test from "node:test";

import { total } from "../dist/order.js";

test("counts are used", () => {
  assert.equal(total([{ name: "tea", cents: 250, count: 2 }, { name: "bun", cents: 120, count: 1 }]), 620);
});

test("a line without a count is one piece", () => {
  assert.equal(total([{ name: "tea", cents: 250 }]), 250);
});

test("a count of nothing costs nothing", () => {
  assert.equal(total([{ name: "tea", cents: 250, count: 0 }]), 0);
  assert.equal(total([]), 0);
});
