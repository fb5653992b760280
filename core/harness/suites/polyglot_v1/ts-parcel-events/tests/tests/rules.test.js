import assert from "node:assert/strict";
import test from "node:test";

import { describe, newest } from "../dist/parcel.js";

const events = [
  { kind: "sent", at: 1 },
  { kind: "returned", at: 5, reason: "no such street" },
  { kind: "arrived", at: 3, depot: "Lyon" },
];

test("every event is described", () => {
  assert.deepEqual(events.map(describe), ["on its way", "sent back: no such street", "at Lyon"]);
});

test("the newest is found, and the list stays", () => {
  const copy = [...events];
  assert.equal(newest(events).at, 5);
  assert.deepEqual(events, copy);
  assert.equal(newest([]), undefined);
});
