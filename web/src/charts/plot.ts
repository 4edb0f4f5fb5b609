// Renders a uPlot chart: redraws when colours or series change, follows its box's width.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onBeforeUnmount, onMounted, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { formatMoneyAxis } from "../format/money";
import { colour, paintVersion } from "../app/theme";

const CHART_HEIGHT = 260;
const TIP_PX = 190;
const AXIS_PX = 52;

/** The pointer's position: index of the nearest time, and pixels from the plot's left edge. */
export interface HoverPosition {
  index: number;
  left: number;
}

export interface PlotOptions {
  data: () => uPlot.AlignedData;
  options: () => Pick<uPlot.Options, "padding" | "scales" | "series" | "bands">;
  /** Options of the time axis. */
  timeAxis: () => uPlot.Axis;
  timeLabel: (seconds: number) => string;
  /** Draws over the finished chart. */
  decorate?: (chart: uPlot) => void;
  /** Changes with the data; `shape` changes with the series. */
  changed: () => unknown;
  shape: () => unknown;
}

interface Plot {
  hovered: ShallowRef<HoverPosition | null>;
  /** The left edge of the tooltip, beside the pointer and inside the chart. */
  tipLeft: (left: number) => string;
}

export function usePlot(box: Readonly<Ref<HTMLDivElement | null>>, plotOptions: PlotOptions): Plot {
  const hovered = shallowRef<HoverPosition | null>(null);
  let chart: uPlot | null = null;
  let sizes: ResizeObserver | null = null;

  function follow({ cursor: { idx, left = -1 } }: uPlot): void {
    hovered.value = idx === null || idx === undefined || left < 0 ? null : { index: idx, left };
  }

  function options(width: number): uPlot.Options {
    const axis = {
      stroke: colour("--ink-soft"),
      font: "12px system-ui, sans-serif",
      ticks: { show: false },
    };
    return {
      width,
      height: CHART_HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 80,
          grid: { show: false },
          values: (_, splits) => splits.map((at) => plotOptions.timeLabel(at)),
          ...plotOptions.timeAxis(),
        },
        {
          ...axis,
          size: AXIS_PX,
          grid: { stroke: colour("--line"), width: 1 },
          values: (_, splits) => formatMoneyAxis(splits),
        },
      ],
      hooks: { setCursor: [follow], draw: [(drawn) => plotOptions.decorate?.(drawn)] },
      ...plotOptions.options(),
    };
  }

  function draw(): void {
    chart?.destroy();
    chart = box.value
      ? new uPlot(options(box.value.clientWidth), plotOptions.data(), box.value)
      : null;
  }

  onMounted(() => {
    draw();
    sizes = new ResizeObserver(() => {
      const width = box.value?.clientWidth ?? 0;
      if (chart && width && width !== chart.width) chart.setSize({ width, height: CHART_HEIGHT });
    });
    if (box.value) sizes.observe(box.value);
  });
  // One watcher: data of another shape must not reach the old chart.
  watch(
    [plotOptions.shape, paintVersion, plotOptions.changed],
    ([shape, painted], [oldShape, oldPainted]) => {
      if (shape !== oldShape || painted !== oldPainted) draw();
      else chart?.setData(plotOptions.data());
    },
    { flush: "post" },
  );
  onBeforeUnmount(() => {
    sizes?.disconnect();
    chart?.destroy();
  });

  function tipLeft(left: number): string {
    const width = box.value?.clientWidth ?? 0;
    const beside = AXIS_PX + left + 14;
    const inside = beside + TIP_PX > width ? Math.max(0, beside - TIP_PX - 28) : beside;
    return `${inside}px`;
  }
  return { hovered, tipLeft };
}
