/** Line charts over the steps, one line a run, by uPlot. */
import {colour, element, number, ticks} from "loft/format";

/** The distances between numbers of steps beside an axis, which are whole. */
const WHOLE = Array.from({length: 10}, (_, power) => [1, 2, 5].map(digit => digit * 10 ** power)).flat();

/** The exponential moving average, corrected for its start; gaps stay gaps. */
export function smooth(values, share) {
    let mean = 0;
    let weight = 0;
    return values.map(value => {
        if (value === null || value === undefined) {
            return value;
        }
        mean = share * mean + (1 - share) * value;
        weight = share * weight + 1 - share;
        return mean / weight;
    });
}

/** A logarithmic axis ends at the next digit, and not at the next power of ten. */
function logRange(low, high) {
    return low > 0 && Number.isFinite(high) ? uPlot.rangeLog(low, high, 10, low === high) : [1, 10];
}

/** The places of numbers without one beside them, which no line leads to; null for none. Undefined is where other lines have steps. */
function alone(values) {
    const found = [];
    let place = -1;
    let length = 0;
    const end = () => {
        if (length === 1) {
            found.push(place);
        }
        length = 0;
    };
    values.forEach((value, i) => {
        if (value === null) {
            end();
        } else if (value !== undefined) {
            place = i;
            length++;
        }
    });
    end();
    return found.length > 0 ? found : null;
}

export class Chart {
    /**
     * @param options title; key, for tests and links; log, whether the axis is logarithmic; format of the values; marks, that of all beside the axis
     */
    constructor(options) {
        this.options = options;
        this.log = options.log ?? false;
        this.readout = element("p", {class: "readout"});
        this.plot = element("div", {class: "plot"});
        const toggle = element("button", {
            type: "button", class: "log", title: "logarithmic or linear axis", "aria-label": "logarithmic axis of " + options.title,
            "aria-pressed": String(this.log),
            onclick: () => {
                this.log = !this.log;
                toggle.setAttribute("aria-pressed", String(this.log));
                this.remake();
            },
        }, "log");
        this.root = element("figure", {class: "chart", "data-chart": options.key},
            element("figcaption", {title: options.hint ?? null}, options.title, toggle), this.readout, this.plot);
        this.plot.setAttribute("role", "img");
        this.plot.setAttribute("aria-label", "curve of " + options.title);
        new ResizeObserver(() => this.resize()).observe(this.plot);
    }

    /**
     * Shows lines: {run, steps, values, label, faint, mean, dash, points, band}. A mean is drawn and not read out.
     * A band is the index of the line up to which the space is filled; where there are bands, no line may be without steps.
     */
    show(lines) {
        this.lines = lines.filter(line => line.steps.length > 0);
        this.root.hidden = this.lines.length === 0;
        if (this.root.hidden) {
            return;
        }
        const data = this.lines.length === 1
            ? [this.lines[0].steps, this.lines[0].values]
            : uPlot.join(this.lines.map(line => [line.steps, line.values]));
        this.data = data;
        this.root.dataset.points =
            String(this.lines.reduce((sum, line) => sum + line.values.filter(Number.isFinite).length, 0));
        const shape = JSON.stringify(this.lines.map(line => [line.run.id, line.run.number, line.label, line.faint, line.band, this.log]));
        if (!this.uplot || shape !== this.shape) {
            this.shape = shape;
            this.remake();
        } else {
            this.uplot.setData(data, !this.zoomed);
            if (this.zoomed) {
                this.uplot.redraw();
            }
        }
        this.read();
    }

    remake() {
        // what is looked at more closely stays so
        const {min, max} = this.zoomed && this.uplot ? this.uplot.scales.x : {};
        this.uplot?.destroy();
        this.zoomed = false;
        this.plot.replaceChildren();
        if (this.lines && this.plot.clientWidth > 0) {
            this.uplot = new uPlot(this.config(), this.data, this.plot);
            if (min !== undefined) {
                this.uplot.setScale("x", {min, max});
            }
        } else {
            this.uplot = null;
        }
    }

    resize() {
        const width = this.plot.clientWidth;
        if (this.uplot && width > 0 && width !== this.uplot.width) {
            this.uplot.setSize({width, height: this.uplot.height});
        } else if (!this.uplot && width > 0 && this.lines) {
            this.remake();
        }
    }

    config() {
        const axis = {
            stroke: colour("muted"), font: "11px system-ui, sans-serif",
            grid: {stroke: colour("grid"), width: 1}, ticks: {show: false},
        };
        const format = this.options.format;
        const marks = this.options.marks
            ?? (format === undefined ? ticks : values => values.map(value => value === null ? "" : format(value)));
        return {
            width: this.plot.clientWidth,
            height: this.options.height ?? 210,
            padding: [8, 12, 0, 0],
            legend: {show: false},
            cursor: {
                sync: {key: "loft", scales: ["x", null]},
                points: {size: 6, width: 0},
                drag: {x: true, y: false},
            },
            scales: {
                x: {time: false},
                y: {distr: this.log ? 3 : 1, range: (self, low, high) => this.log ? logRange(low, high) : this.range(low, high)},
            },
            axes: [
                {...axis, size: 28, incrs: WHOLE, values: (self, values) => values.map(value => value >= 1e4 ? value / 1e3 + "k" : value)},
                {...axis, size: (self, texts) => Math.max(58, ...(texts ?? []).map(text => 14 + 6.5 * String(text).length)), space: 34, values: (self, values) => marks(values)},
            ],
            series: [{}, ...this.lines.map(line => this.series(line))],
            bands: this.lines.flatMap((line, index) => line.band === undefined ? [] : [{
                series: [line.band + 1, index + 1], fill: colour(line.run.ink) + "2a",
            }]),
            hooks: {
                setCursor: [() => this.read()],
                setScale: [(self, key) => {
                    const steps = self.data[0];
                    if (key === "x" && steps.length > 0) {
                        this.zoomed = self.scales.x.min > steps[0] || self.scales.x.max < steps[steps.length - 1];
                    }
                }],
            },
        };
    }

    /** A flat line lies in the middle; no room is spent on what no value reaches. */
    range(low, high) {
        if (low === null || high === null) {
            return [0, 1];
        }
        // a mean of one number differs from it in the last digit
        const room = high - low > 1e-9 * Math.abs(high) ? 0.06 * (high - low) : Math.abs(low) * 0.1 || 1;
        const bottom = low - room;
        return [low >= 0 && bottom < 0 ? 0 : bottom, high + room];
    }

    series(line) {
        const hidden = line.band !== undefined || line.edge;
        return {
            stroke: colour(line.run.ink) + (line.faint ? "48" : ""),
            width: hidden ? 0 : line.faint ? 1 : 1.8,
            dash: line.dash ?? line.run.dash,
            spanGaps: false,
            points: {
                show: line.points === true, filter: (self, index, show) => show || hidden ? null : alone(self.data[index]),
                size: 6, fill: colour("panel"), width: 1.6,
            },
        };
    }

    /** Says the values under the cursor, or else the latest ones. */
    read() {
        if (!this.uplot || !this.lines) {
            return;
        }
        const at = this.uplot.cursor.idx;
        const format = this.options.format ?? number;
        const parts = [];
        this.lines.forEach((line, index) => {
            if (line.mean || line.edge || line.band !== undefined) {
                return;
            }
            const values = this.uplot.data[index + 1];
            const isOver = at !== null && at !== undefined && this.uplot.data[0][at] > Math.max(line.run.step, line.steps.at(-1));
            let value = null;
            for (let i = at ?? values.length - 1; !isOver && i >= 0 && (value === null || value === undefined); i--) {
                value = values[i];
            }
            parts.push(element("span", {title: line.run.name},
                element("i", {class: "dot", style: {background: line.run.colour}}),
                (line.label ? line.label + " " : "") + format(value ?? null)));
        });
        const step = at === null || at === undefined ? null : element("span", {}, "step " + this.uplot.data[0][at]);
        this.readout.replaceChildren(...(step ? [step] : []), ...parts);
    }
}
