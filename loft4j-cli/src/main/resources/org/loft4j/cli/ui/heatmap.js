/** Layers from top to bottom, steps from left to right, a value as a colour. */
import {colour, element, number} from "loft/format";

// dark blue to yellow, growing in lightness throughout, so that it reads in grey as well
const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const LABELLED = 11;

/** Columns at most: a screen has no more, and a canvas may not have many more. */
const WIDEST = 2048;

function ramp(share) {
    const at = Math.min(0.9999, Math.max(0, share)) * (RAMP.length - 1);
    const low = RAMP[Math.floor(at)];
    const high = RAMP[Math.floor(at) + 1];
    return low.map((value, i) => Math.round(value + (at % 1) * (high[i] - value)));
}

export class HeatMap {
    /** @param onPick hears the index of a layer that was clicked */
    constructor(onPick) {
        this.canvas = element("canvas", {
            onmousemove: event => this.point(event),
            onmouseleave: () => this.hover.textContent = this.idle ?? "",
            onclick: event => onPick(this.cell(event).row),
        });
        this.names = element("div", {class: "names", "aria-hidden": "true"});
        this.hover = element("p", {class: "readout"});
        this.scale = element("p", {class: "ramp"});
        this.root = element("div", {class: "heatmap"}, this.hover,
            element("div", {class: "map"}, this.names, this.canvas), this.scale);
        this.onPick = onPick;
    }

    /** @param table layers; steps; values, one array of layers for each step; log; picked, an index or null */
    show(whole) {
        const every = Math.ceil(whole.steps.length / WIDEST);
        // the last one among them
        const some = list => every > 1 ? list.filter((_, i) => (list.length - 1 - i) % every === 0) : list;
        const table = {...whole, steps: some(whole.steps), values: some(whole.values)};
        this.table = table;
        const {layers, steps, values, log} = table;
        const of = value => Number.isFinite(value) && (!log || value > 0) ? (log ? Math.log10(value) : value) : null;
        let low = Infinity;
        let high = -Infinity;
        values.forEach(row => row.forEach(value => {
            const known = of(value);
            if (known !== null) {
                low = Math.min(low, known);
                high = Math.max(high, known);
            }
        }));
        const width = Math.max(1, steps.length);
        const height = Math.max(1, layers.length);
        this.canvas.width = width;
        this.canvas.height = height;
        const line = Math.min(20, Math.max(3, Math.floor(420 / height)));
        this.canvas.style.height = line * height + "px";
        const context = this.canvas.getContext("2d");
        const image = context.createImageData(width, height);
        for (let x = 0; x < steps.length; x++) {
            for (let y = 0; y < layers.length; y++) {
                const known = of(values[x][y]);
                const [red, green, blue] = known === null ? [128, 128, 128] : ramp(high > low ? (known - low) / (high - low) : 0.5);
                image.data.set([red, green, blue, known === null ? 60 : 255], 4 * (y * width + x));
            }
        }
        context.putImageData(image, 0, 0);
        this.label(line >= LABELLED ? layers : [], line);
        const value = known => number(log ? 10 ** known : known);
        this.idle = steps.length === 0 ? "" : "after step " + steps.at(-1) + (line < LABELLED ? ", " + layers.length + " layers" : "");
        this.hover.textContent = this.idle;
        const stops = RAMP.map(([red, green, blue]) => `rgb(${red} ${green} ${blue})`).join(", ");
        this.scale.replaceChildren(
            high < low ? "no values yet" : value(low),
            element("span", {style: {background: `linear-gradient(90deg, ${stops})`}}),
            high < low ? "" : value(high), log ? " (logarithmic)" : "",
            element("i", {style: {background: colour("grid")}}), "no value");
        this.root.dataset.points = String(steps.length * layers.length);
    }

    /** The names beside the map, made anew when they have changed alone, or a click in between is lost. */
    label(layers, line) {
        const told = JSON.stringify([layers, line]);
        if (told !== this.names.told) {
            this.names.told = told;
            this.names.replaceChildren(...layers.map((layer, i) => element("span", {
                title: layer, onclick: () => this.onPick(i), style: {height: line + "px", lineHeight: line + "px"},
            }, this.table.short[i])));
        }
        layers.forEach((_, i) => this.names.children[i].classList.toggle("picked", i === this.table.picked));
    }

    cell(event) {
        const box = this.canvas.getBoundingClientRect();
        const part = (at, from, size, count) => Math.min(count - 1, Math.max(0, Math.floor((at - from) / size * count)));
        return {
            column: part(event.clientX, box.left, box.width, this.canvas.width),
            row: part(event.clientY, box.top, box.height, this.canvas.height),
        };
    }

    point(event) {
        const {column, row} = this.cell(event);
        const {layers, steps, values} = this.table;
        if (steps.length > 0) {
            this.hover.textContent = `step ${steps[column]}  ${layers[row]}  ${number(values[column][row])}`;
        }
    }
}
