import { expect, test } from "vitest";
import { EXAMPLE } from "./examples.ts";
import { linkOf } from "./link.ts";
import { siteOf } from "./plan.ts";
import { find, indexOf } from "./search.ts";

const site = siteOf(EXAMPLE.inventory);
const index = indexOf(site);
const names = (text: string) => find(site, index, text).map((found) => found.name);

test("a rack is found by its name, alone or with its row, and by its asset number", () => {
  expect(names("a01")[0]).toBe("A01");
  expect(names("sas-a a02")).toEqual(["A02"]);
  expect(find(site, index, "A01")[0]).toMatchObject({ kind: "rack", id: 3, place: "SAS / SAS-A" });
  expect(find(site, index, "at-1")[0]).toMatchObject({ kind: "rack", id: 3, name: "A01" });
});

test("a device is found by name, FQDN, asset number and serial, and says where it stands", () => {
  for (const text of ["srv-00001", "SRV-00001.sas.example.net", "AT-513", "9qw1m73"]) {
    expect(find(site, index, text)[0]).toMatchObject({ kind: "device", id: 513, place: "SAS / SAS-A / A01" });
  }
  expect(find(site, index, "spare-01")[0]).toMatchObject({ rack: -1, place: "" });
});

test("the whole name comes before its beginning, and that before any part", () => {
  expect(names("srv-0000")).toEqual(["srv-00001", "srv-00002"]);
  expect(names("0001")).toContain("srv-00001");
  expect(find(site, index, "srv-0000").every((found) => found.begins)).toBe(true);
  expect(find(site, index, "0001").some((found) => found.begins)).toBe(false);
  expect(names("  ")).toEqual([]);
});

test("links are filled, percent-encoded, and never anything but a web page", () => {
  expect(linkOf("http://z/e?a={a}&b={b}", { a: "1 2", b: "ü/" })).toBe("http://z/e?a=1%202&b=%C3%BC%2F");
  expect(linkOf("http://z/{missing}", {})).toBeUndefined();
  expect(linkOf("javascript:alert({a})", { a: "1" })).toBeUndefined();
  expect(linkOf(undefined, {})).toBeUndefined();
});
