import assert from "node:assert/strict";
import test from "node:test";

import { groupBy } from "../dist/group.js";

test("records are grouped in order", () => {
  const pets = [
    { name: "Rex", kind: "dog" },
    { name: "Tom", kind: "cat" },
    { name: "Ace", kind: "dog" },
  ];
  const found = groupBy(pets, "kind");
  assert.deepEqual([...found.keys()], ["dog", "cat"]);
  assert.deepEqual(found.get("dog").map((pet) => pet.name), ["Rex", "Ace"]);
});

test("any text may be a key", () => {
  const found = groupBy([{ id: "b" }, { id: "constructor" }, { id: "7" }], "id");
  assert.deepEqual([...found.keys()], ["b", "constructor", "7"]);
  assert.deepEqual(found.get("constructor"), [{ id: "constructor" }]);
});
