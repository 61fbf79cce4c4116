/**
 * Colour arithmetic for the palette's tests: how far apart two colours look (CIEDE2000) to normal eyes and, by two
 * independent models, to colour-blind ones; and the contrast of two colours (WCAG 2). Not part of the page.
 */

export type Rgb = readonly [number, number, number];
type Row = readonly [number, number, number];
type Matrix = readonly [Row, Row, Row];

/** `#rrggbb` to linear light, each channel 0..1. */
export function linear(hex: string): Rgb {
  const channel = (from: number) => {
    const value = Number.parseInt(hex.slice(from, from + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

function times(matrix: Matrix, v: Rgb): Rgb {
  const row = (r: Row) => r[0] * v[0] + r[1] * v[1] + r[2] * v[2];
  return [row(matrix[0]), row(matrix[1]), row(matrix[2])];
}

const clip = (v: Rgb): Rgb => [
  Math.min(1, Math.max(0, v[0])),
  Math.min(1, Math.max(0, v[1])),
  Math.min(1, Math.max(0, v[2])),
];

/** Relative luminance of a linear colour. */
export function luminance(v: Rgb): number {
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
}

/** Contrast ratio, 1..21. */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(linear(a)) + 0.05, luminance(linear(b)) + 0.05];
  return Math.max(x, y) / Math.min(x, y);
}

/** Linear sRGB (D65) to CIE L*a*b*. */
function lab(v: Rgb): Rgb {
  const [x, y, z] = times(
    [
      [0.4124564, 0.3575761, 0.1804375],
      [0.2126729, 0.7151522, 0.072175],
      [0.0193339, 0.119192, 0.9503041],
    ],
    v,
  );
  const f = (t: number) => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29);
  const [fx, fy, fz] = [f(x / 0.95047), f(y), f(z / 1.08883)];
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

const rad = Math.PI / 180;
const hue = (b: number, a: number) => (a === 0 && b === 0 ? 0 : (Math.atan2(b, a) / rad + 360) % 360);

/** CIEDE2000 between two L*a*b* colours, all weights 1 (Sharma, Wu and Dalal 2005). */
export function ciede2000(one: Rgb, two: Rgb): number {
  const [L1, a1, b1] = one;
  const [L2, a2, b2] = two;
  const meanC = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2;
  const g = 0.5 * (1 - Math.sqrt(meanC ** 7 / (meanC ** 7 + 25 ** 7)));
  const [A1, A2] = [(1 + g) * a1, (1 + g) * a2];
  const [C1, C2] = [Math.hypot(A1, b1), Math.hypot(A2, b2)];
  const [h1, h2] = [hue(b1, A1), hue(b2, A2)];
  const grey = C1 * C2 === 0;
  const turn = grey ? 0 : h2 - h1 > 180 ? h2 - h1 - 360 : h2 - h1 < -180 ? h2 - h1 + 360 : h2 - h1;
  const dH = 2 * Math.sqrt(C1 * C2) * Math.sin((turn / 2) * rad);
  const sum = h1 + h2;
  const h = grey ? sum : Math.abs(h1 - h2) <= 180 ? sum / 2 : sum < 360 ? (sum + 360) / 2 : (sum - 360) / 2;
  const [L, C] = [(L1 + L2) / 2, (C1 + C2) / 2];
  const t =
    1 -
    0.17 * Math.cos((h - 30) * rad) +
    0.24 * Math.cos(2 * h * rad) +
    0.32 * Math.cos((3 * h + 6) * rad) -
    0.2 * Math.cos((4 * h - 63) * rad);
  const sL = 1 + (0.015 * (L - 50) ** 2) / Math.sqrt(20 + (L - 50) ** 2);
  const sC = 1 + 0.045 * C;
  const sH = 1 + 0.015 * C * t;
  const spread = 30 * Math.exp(-(((h - 275) / 25) ** 2));
  const rT = -2 * Math.sqrt(C ** 7 / (C ** 7 + 25 ** 7)) * Math.sin(2 * spread * rad);
  const [l, c, d] = [(L2 - L1) / sL, (C2 - C1) / sC, dH / sH];
  return Math.sqrt(l * l + c * c + d * d + rT * c * d);
}

/** Machado, Oliveira and Fernandes 2009, severity 1, on linear light. */
const MACHADO: Readonly<Record<string, Matrix>> = {
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Linear sRGB to cone responses: Smith and Pokorny's fundamentals after Judd and Vos. */
const TO_LMS: Matrix = [
  [0.17886, 0.43997, 0.03597],
  [0.0338, 0.27515, 0.03621],
  [0.00031, 0.00192, 0.01528],
];

function inverse(m: Matrix): Matrix {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

const FROM_LMS = inverse(TO_LMS);
const cross = (a: Rgb, b: Rgb): Rgb => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** Judd-Vos colour matching functions at Brettel's anchors: wavelengths that a dichromat sees as others do. */
const ANCHORS: Readonly<Record<string, readonly [Rgb, Rgb]>> = {
  // 475 and 575 nm.
  protan: [
    [0.13287, 0.11284, 0.9422],
    [0.84394, 0.91558, 0.00197],
  ],
  deutan: [
    [0.13287, 0.11284, 0.9422],
    [0.84394, 0.91558, 0.00197],
  ],
  // 485 and 660 nm.
  tritan: [
    [0.05432, 0.16126, 0.55648],
    [0.16161, 0.061, 0.00001],
  ],
};

/** XYZ (Judd-Vos) to the same fundamentals. */
const XYZ_TO_LMS: Matrix = [
  [0.15514, 0.54312, -0.03286],
  [-0.15514, 0.45684, 0.03286],
  [0, 0, 0.01608],
];

/**
 * Brettel, Viénot and Mollon 1997: what is lost is filled in from one of two half planes through neutral and an
 * anchor colour.
 */
function brettel(kind: string, v: Rgb): Rgb {
  const axis = kind === "protan" ? 0 : kind === "deutan" ? 1 : 2;
  const lms = times(TO_LMS, v);
  const neutral = times(TO_LMS, [1, 1, 1]);
  const anchors = ANCHORS[kind] as readonly [Rgb, Rgb];
  const [short, long] = [times(XYZ_TO_LMS, anchors[0]), times(XYZ_TO_LMS, anchors[1])];
  // Which side of neutral the colour is on, by the two cones that are left.
  const [p, q] = axis === 0 ? [2, 1] : axis === 1 ? [2, 0] : [1, 0];
  const ratio = (c: Rgb) => (c[p as 0] ?? 0) / (c[q as 0] ?? 1);
  const anchor = ratio(lms) < ratio(neutral) === ratio(long) < ratio(neutral) ? long : short;
  const n = cross(neutral, anchor);
  const seen: [number, number, number] = [...lms];
  const rest = [0, 1, 2].filter((i) => i !== axis);
  seen[axis as 0] = -rest.reduce((sum, i) => sum + (n[i as 0] ?? 0) * lms[i as 0], 0) / (n[axis as 0] ?? 1);
  return times(FROM_LMS, seen);
}

export type Eyes = "normal" | "protan" | "deutan" | "tritan";
export type Model = "machado" | "brettel";

/** CIEDE2000 between two `#rrggbb` colours as seen by such eyes. */
export function distance(a: string, b: string, eyes: Eyes = "normal", model: Model = "machado"): number {
  const seen = (hex: string) => {
    const v = linear(hex);
    if (eyes === "normal") return lab(v);
    return lab(clip(model === "machado" ? times(MACHADO[eyes] as Matrix, v) : brettel(eyes, v)));
  };
  return ciede2000(seen(a), seen(b));
}
