import assert from "node:assert/strict";
import test from "node:test";

import { escape, fill } from "../dist/fill.js";

test("everything is escaped once", () => {
  assert.equal(escape('<a href="x">&</a><b>'), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;&lt;b&gt;");
});

test("values are filled in once", () => {
  assert.equal(fill("{a}-{a}-{b}", { a: "{b}", b: "<" }), "{b}-{b}-&lt;");
});

test("braces and unknown names stay", () => {
  assert.equal(fill("{{a} {c} {toString}", { a: "1" }), "{a} {c} {toString}");
});
