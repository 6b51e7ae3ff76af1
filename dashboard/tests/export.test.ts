import { expect, test } from "vitest";
import { toAlert, toProject, webAddress } from "~/logic/address";
import { command, csv, csvCell, shellWord } from "~/logic/export";

test("a text that a spreadsheet would run is defused, and a negative number is not", () => {
  expect(["=1+1", "+x", "-x", "@x", "\tx", "  =1", "\uff1d1", "\uff0d1"].map(csvCell)).toEqual(["'=1+1", "'+x", "'-x", "'@x", "'\tx", "'  =1", "'\uff1d1", "'\uff0d1"]);
  expect([csvCell(-1), csvCell(null), csvCell('a"b,c'), csvCell("한글")]).toEqual(["-1", "", '"a""b,c"', "한글"]);
});

test("a file begins with the mark that makes spreadsheets read Korean", () => {
  expect(csv(["a", "b"], [["가", 1]])).toBe("\uFEFFa,b\r\n가,1\r\n");
});

test("whatever an id contains, it is one word of the shell", () => {
  expect(shellWord("proj_1")).toBe("proj_1");
  expect(shellWord("a'b; rm -rf $HOME")).toBe("'a'\\''b; rm -rf $HOME'");
  expect([shellWord("=ls"), shellWord("~"), shellWord("")]).toEqual(["'=ls'", "'~'", "''"]);
  expect(command(["check"], "-x")).toBe("episode-monitor check -- -x");
});

test("ids are parameters of an address, whatever they contain", () => {
  expect(toProject("../a?b#c&d=%2F")).toBe("/project?id=..%2Fa%3Fb%23c%26d%3D%252F");
  expect(toAlert("rule:한글")).toBe("/alert?key=rule%3A%ED%95%9C%EA%B8%80");
});

test("only web addresses become links", () => {
  expect(["https://wiki/1", "HTTP://a", "javascript:alert(1)", "//evil", null].map(webAddress)).toEqual(["https://wiki/1", "HTTP://a", null, null, null]);
});
