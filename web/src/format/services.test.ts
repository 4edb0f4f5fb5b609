import { describe, expect, it } from "vitest";
import TOKENS from "../styles/tokens.css?raw";
import { SERVICE_ORDER, serviceColour, sortServices } from "./services";

type Triple = [number, number, number];

const DISTANCE_MIN = 8;

/** How people see linear RGB: Machado, Oliveira, Fernandes 2009, severity 1.0. */
const VISION_MATRICES: Record<string, [Triple, Triple, Triple]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Linear RGB of a token in one theme. */
function colourOf(token: string, theme: "light" | "dark"): Triple {
  const found = new RegExp(`--${token}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(TOKENS);
  const hex = found?.[theme === "light" ? 1 : 2];
  if (!hex) throw new Error(`no colour ${token}`);
  const linear = (at: number): number => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [linear(1), linear(3), linear(5)];
}

const multiply = (matrix: [Triple, Triple, Triple], [r, g, b]: Triple): Triple =>
  matrix.map((row) => row[0] * r + row[1] * g + row[2] * b) as Triple;

/** OKLab (Ottosson 2020) times 100: equal distances look about equally different. */
function oklab(linear: Triple): Triple {
  const cones = multiply(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    linear.map((value) => Math.min(1, Math.max(0, value))) as Triple,
  ).map(Math.cbrt) as Triple;
  return multiply(
    [
      [21.04542553, 79.3617785, -0.40720468],
      [197.79984951, -242.8592205, 45.05937099],
      [2.59040371, 78.27717662, -80.8675766],
    ],
    cones,
  );
}

function smallestDistance(theme: "light" | "dark", vision: string): number {
  const tokens = ["accent", ...SERVICE_ORDER.map((service) => `service-${service}`)];
  const matrix = VISION_MATRICES[vision] ?? [];
  const seen = tokens.map((token) =>
    oklab(multiply(matrix as [Triple, Triple, Triple], colourOf(token, theme))),
  );
  const distances = seen.flatMap((one, index) =>
    seen.slice(index + 1).map((other) => Math.hypot(...one.map((v, i) => v - (other[i] ?? 0)))),
  );
  return Math.min(...distances);
}

describe("colours of services", () => {
  for (const theme of ["light", "dark"] as const)
    for (const vision of Object.keys(VISION_MATRICES))
      it(`differ from each other and from the accent: ${theme}, ${vision}`, () => {
        expect(smallestDistance(theme, vision)).toBeGreaterThan(DISTANCE_MIN);
      });
});

describe("services", () => {
  it("have a position and a colour, unknown ones too", () => {
    expect(sortServices(["stripe", "acme", "twilio", "twilio"])).toEqual([
      "twilio",
      "stripe",
      "acme",
    ]);
    expect(serviceColour("twilio")).toBe("--service-twilio");
    expect(serviceColour("acme")).toMatch(/^--service-spare-[1-4]$/);
  });
});
