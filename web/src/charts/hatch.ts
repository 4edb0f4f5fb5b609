// Hatches a rectangle of a canvas.

/** In pixels of the canvas. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const GAP_PX = 6;
const LINE_PX = 2.5;

export function hatch(context: CanvasRenderingContext2D, box: Box, colour: string): void {
  const scale = devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = LINE_PX * scale;
  context.beginPath();
  for (let x = box.left - box.height; x < box.left + box.width; x += GAP_PX * scale) {
    context.moveTo(x, box.top + box.height);
    context.lineTo(x + box.height, box.top);
  }
  context.stroke();
  context.restore();
}
