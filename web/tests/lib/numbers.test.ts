import { describe, expect, test } from "vitest";
import { formatBytes, formatCount, formatMetadata, formatNumber, formatTick, formatValue, fullValue } from "../../src/lib/numbers.ts";

test.each([
  [0, "0"], [1, "1"], [-3, "-3"], [12345, "12,345"], [999999, "999,999"], [1e6, "1e6"], [1234567, "1.235e6"],
  [0.123456, "0.1235"], [-0.00012346, "-0.0001235"], [0.00001234, "1.234e-5"], [123.456, "123.5"], [1234.56, "1,235"],
  [Number.NaN, "NaN"], [Infinity, "Infinity"], [-Infinity, "-Infinity"], [0.5, "0.5"],
])("four significant digits: %d is %s", (value, text) => expect(formatNumber(value)).toBe(text));

test.each([[0, "0"], [2500, "2500"], [10000, "10k"], [1500000, "1.5M"], [0.25, "0.25"], [1e-5, "1e-5"], [-20000, "-20k"]])(
  "ticks are short and exact: %d is %s", (value, text) => expect(formatTick(value)).toBe(text),
);

test.each([[0, "0 B"], [1023, "1,023 B"], [1024, "1.0 KiB"], [48211200, "46 MiB"]])(
  "%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text),
);

test.each([
  ["memory.total", 33567000000, "31 GiB"], ["disk./.used", "270600000000", "252 GiB"], ["disk.C:\\.total", 1048576, "1.0 MiB"],
  ["memory.total", 15.6, "15.6"], ["memory.total", "15.6", "15.6"], ["disk./.total", null, "null"], ["cpu_count", 33567000, "3.357e7"],
  ["memory.total", { $float: "NaN" }, "NaN"],
])("metadata: %s of %s is %s", (key, value, text) => expect(formatMetadata(key, value)).toBe(text));

describe("values of config and summary", () => {
  test("floats that JSON cannot say", () => {
    expect(formatValue({ $float: "NaN" })).toBe("NaN");
    expect(fullValue({ $float: "-Infinity" })).toBe("-Infinity");
  });
  test("short in the cell, whole on hover", () => {
    expect(formatValue(0.1234567890123)).toBe("0.1235");
    expect(fullValue(0.1234567890123)).toBe("0.1234567890123");
    expect(formatValue([64, 10])).toBe("[64,10]");
    expect(formatValue(null)).toBe("null");
    expect(formatValue(undefined)).toBe("");
  });
  test("counts are never rounded", () => expect(formatCount(1234567)).toBe("1,234,567"));
});
