/** The adapted layers: a heat map of one run, and the course of a layer, or of all of them, for every run. */
import {Chart} from "loft/curves";
import {element} from "loft/format";
import {HeatMap} from "loft/heatmap";

const QUANTITIES = [
    ["update_norm", "‖ΔW‖ update", false, "Norm of scale·B·A: how far the layer has moved from the base model"],
    ["norm_a", "‖A‖", false, "Norm of the factor A"],
    ["norm_b", "‖B‖", false, "Norm of the factor B"],
    ["condition_a", "cond A·Aᵀ", true, "Condition number of A's Gram matrix: large where A has almost lost a rank"],
    ["condition_b", "cond Bᵀ·B", true, "Condition number of B's Gram matrix: large where B has almost lost a rank; none while B is zero"],
    ["turn", "turn of the subspace", true, "LoFT: how far a step turned the subspace of the factor that moved, 0 (not at all) to 1 (nothing is left)"],
    ["eps_share", "ε above √V", false, "LoFT: share of the entries of W in which ε outweighs √V, where a step is not AdamW's"],
    ["step_ratio", "step / ‖ΔW‖", true, "LoFT: length of W's last step relative to all it has moved"],
];

/** Names without what all have in common at their beginning. */
function shortened(layers) {
    const parts = layers.map(layer => layer.split("."));
    let common = 0;
    while (parts.length > 1 && parts.every(part => part.length > common + 1 && part[common] === parts[0][common])) {
        common++;
    }
    return parts.map(part => part.slice(common).join("."));
}

function median(values) {
    const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
    return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)];
}

function extreme(values, choose) {
    const known = values.filter(Number.isFinite);
    return known.length === 0 ? null : known.reduce((a, b) => choose(a, b));
}

export class Layers {
    constructor(root, store) {
        this.root = root;
        this.store = store;
        this.quantity = "update_norm";
        this.picked = null;
        this.tabs = element("div", {class: "tabs", role: "group", "aria-label": "what is shown of the layers"});
        this.choice = element("select", {"aria-label": "run of the map", onchange: () => this.draw()});
        this.layer = element("select", {"aria-label": "layer to follow", onchange: () => {
            this.picked = this.layer.value || null;
            this.draw();
        }});
        this.hint = element("p", {class: "hint"});
        this.map = new HeatMap(row => this.pick(row));
        this.chart = new Chart({key: "layers", title: "all layers", height: 300});
        root.replaceChildren(
            element("h2", {}, "Layers"), element("div", {class: "bar"}, this.tabs, this.choice, this.layer), this.hint,
            element("div", {class: "pair"}, element("div", {class: "panel"}, this.map.root), this.chart.root));
    }

    pick(row) {
        const layer = this.run.layers[row];
        this.picked = this.picked === layer ? null : layer;
        this.draw();
    }

    draw() {
        const runs = this.store.shown.filter(run => run.looks.length > 0);
        this.root.hidden = runs.length === 0;
        if (this.root.hidden) {
            return;
        }
        this.choose(runs);
        const known = QUANTITIES.filter(([key]) => runs.some(run => run.looks.some(look => look[key])));
        const [key, title, log, hint] = known.find(([name]) => name === this.quantity) ?? known[0];
        this.offer(known, key);
        this.hint.textContent = hint + (this.picked ? "" : ". Choose or click a layer to follow it.");
        const looks = this.run.looks.filter(look => look[key]);
        const short = shortened(this.run.layers);
        this.offerLayers(short);
        this.map.show({
            layers: this.run.layers, short, log,
            steps: looks.map(look => look.step), values: looks.map(look => look[key]),
            picked: this.run.layers.indexOf(this.picked),
        });
        this.lines(runs, key, title, log);
    }

    /** The buttons of the quantities there are. Made anew when those have changed alone, or a click in between is lost. */
    offer(known, chosen) {
        const told = known.map(([name]) => name).join();
        if (told !== this.tabs.told) {
            this.tabs.told = told;
            this.tabs.replaceChildren(...known.map(([name, label, , says]) => element("button", {
                type: "button", title: says,
                onclick: () => {
                    this.quantity = name;
                    this.draw();
                },
            }, label)));
        }
        known.forEach(([name], i) => this.tabs.children[i].setAttribute("aria-pressed", String(name === chosen)));
    }

    /** Those of the map, and the one that is followed where the map is of a run without it. */
    offerLayers(short) {
        const {layers} = this.run;
        const names = layers.map((layer, i) => [layer, short[i]]);
        if (this.picked !== null && !layers.includes(this.picked)) {
            names.push([this.picked, this.picked]);
        }
        const told = JSON.stringify(names);
        if (told !== this.layer.told) {
            this.layer.told = told;
            this.layer.replaceChildren(element("option", {value: ""}, "all layers"),
                ...names.map(([layer, name]) => element("option", {value: layer}, name)));
        }
        this.layer.value = this.picked ?? "";
    }

    choose(runs) {
        const before = this.choice.value;
        const told = JSON.stringify(runs.map(run => [run.id, run.name]));
        if (told !== this.choice.told) {
            this.choice.told = told;
            this.choice.replaceChildren(...runs.map(run => element("option", {value: run.id}, run.name)));
        }
        this.run = runs.find(run => run.id === before) ?? runs[0];
        this.choice.value = this.run.id;
        this.choice.hidden = runs.length === 1;
    }

    lines(runs, key, title, log) {
        const lines = [];
        for (const run of runs) {
            const looks = run.looks.filter(look => look[key]);
            if (looks.length === 0) {
                // of a method without this quantity; the chart leaves such lines out, and bands count lines
                continue;
            }
            const steps = looks.map(look => look.step);
            const layer = run.layers.indexOf(this.picked);
            if (layer >= 0) {
                lines.push({run, steps, values: looks.map(look => look[key][layer])});
            } else if (this.picked === null) {
                lines.push({run, steps, values: looks.map(look => extreme(look[key], Math.max)), edge: true});
                lines.push({run, steps, values: looks.map(look => extreme(look[key], Math.min)), band: lines.length - 1});
                lines.push({run, steps, values: looks.map(look => median(look[key])), label: "median"});
            }
        }
        this.chart.root.querySelector("figcaption").firstChild.textContent =
            title + (this.picked ? " of " + this.picked : ": median of the layers, and from the least to the largest");
        if (this.chart.log !== log && this.shownKey !== key) {
            this.chart.root.querySelector("button").click();
        }
        this.shownKey = key;
        // a logarithm has no place for zero
        this.chart.show(lines.map(line => ({...line, values: line.values.map(value => this.chart.log && !(value > 0) ? null : value)})));
    }
}
