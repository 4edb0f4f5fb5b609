// Renders a uPlot chart; draws it again when its series or the colours change.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onBeforeUnmount, onMounted, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { formatMoneyAxis } from "../format/money";
import { colour, paintVersion } from "../app/theme";

const CHART_HEIGHT = 260;
const TOOLTIP_PX = 190;
const AXIS_PX = 52;

/** The pointer's position: index of the nearest time, and pixels from the plot's left edge. */
export interface HoverPosition {
  index: number;
  left: number;
}

export interface PlotOptions {
  data: () => uPlot.AlignedData;
  options: () => Pick<uPlot.Options, "padding" | "scales" | "series" | "bands">;
  timeAxis: () => uPlot.Axis;
  timeLabel: (seconds: number) => string;
  /** Draws over the finished chart. */
  decorate?: (chart: uPlot) => void;
  /** A change passes new data to the chart. */
  dataKey: () => unknown;
  /** A change draws a new chart. */
  seriesKey: () => unknown;
}

interface Plot {
  hovered: ShallowRef<HoverPosition | null>;
  /** The left edge of the tooltip, beside the pointer and inside the chart. */
  tooltipLeft: (left: number) => string;
}

export function usePlot(box: Readonly<Ref<HTMLDivElement | null>>, plotOptions: PlotOptions): Plot {
  const hovered = shallowRef<HoverPosition | null>(null);
  let chart: uPlot | null = null;
  let sizes: ResizeObserver | null = null;

  function onCursor({ cursor: { idx, left = -1 } }: uPlot): void {
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
          // Below the amount at the origin.
          gap: 10,
          size: 33,
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
      hooks: { setCursor: [onCursor], draw: [(drawn) => plotOptions.decorate?.(drawn)] },
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
  // One watcher for both: data of new series must not reach the old chart.
  watch(
    [plotOptions.seriesKey, paintVersion, plotOptions.dataKey],
    ([series, paint], [oldSeries, oldPaint]) => {
      if (series !== oldSeries || paint !== oldPaint) draw();
      else chart?.setData(plotOptions.data());
    },
    { flush: "post" },
  );
  onBeforeUnmount(() => {
    sizes?.disconnect();
    chart?.destroy();
  });

  function tooltipLeft(left: number): string {
    const width = box.value?.clientWidth ?? 0;
    const beside = AXIS_PX + left + 14;
    const inside = beside + TOOLTIP_PX > width ? Math.max(0, beside - TOOLTIP_PX - 28) : beside;
    return `${inside}px`;
  }
  return { hovered, tooltipLeft };
}
