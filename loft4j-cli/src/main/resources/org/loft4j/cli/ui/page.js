/** Lays out the panels and draws them again, a few times a second at most, when something has changed. */
import {Answers} from "loft/answers";
import {Chart, smooth} from "loft/curves";
import {byteTicks, bytes, number} from "loft/format";
import {Layers} from "loft/layers";
import {drawResults, drawRuns, drawSettings} from "loft/runs";
import {drawSamples} from "loft/samples";

const PAUSE = 250;

function training(key, smoothing) {
    return run => {
        const {step: steps} = run.training;
        const values = run.training[key];
        if (smoothing === 0 || steps.length < 8) {
            return [{run, steps, values}];
        }
        return [{run, steps, values, faint: true}, {run, steps, values: smooth(values, smoothing), mean: true}];
    };
}

/** Nothing where no evaluation tells it. */
function evaluation(metric, style) {
    return run => {
        const lines = run.evaluations.filter(line => ("eval_" + metric) in line);
        return lines.length === 0 ? [] : [{
            run, steps: lines.map(line => line.step), values: lines.map(line => line["eval_" + metric]), ...style,
        }];
    };
}

/** What the training and the evaluations both tell. */
function both(key, share) {
    return run => {
        const lines = run.training[key] ? training(key, share)(run) : [];
        const held = evaluation(key, {label: "eval", points: true, dash: [5, 4]})(run);
        if (held.length > 0 && lines.length > 0) {
            lines[0].label = "train";
        }
        return [...lines, ...held];
    };
}

const BOTH = "of the training; dashed with points: of the held-out data";

export class Page {
    constructor(store) {
        this.store = store;
        this.charts = new Map();
        this.smoothing = document.getElementById("smoothing");
        this.smoothing.addEventListener("input", () => this.draw());
        this.layers = new Layers(document.getElementById("layers"), store);
        this.answers = new Answers(document.getElementById("answers"), store);
        store.onChange(() => this.later());
        // on paper the scheme is the light one
        ["(prefers-color-scheme: dark)", "print"].forEach(media => matchMedia(media).addEventListener("change", () => {
            this.charts.forEach(chart => chart.remake());
            this.layers.chart.remake();
        }));
    }

    later() {
        this.timer ??= setTimeout(() => {
            this.timer = undefined;
            this.draw();
        }, PAUSE);
    }

    chart(options, lines) {
        let chart = this.charts.get(options.key);
        if (!chart) {
            chart = new Chart(options);
            this.charts.set(options.key, chart);
        }
        chart.root.querySelector("figcaption").firstChild.textContent = options.title;
        // what is told later has its place among the others too
        const curves = document.getElementById("curves");
        const there = curves.children[this.placed++];
        if (there !== chart.root) {
            curves.insertBefore(chart.root, there ?? null);
        }
        chart.show(this.store.shown.flatMap(lines));
    }

    draw() {
        const element = id => document.getElementById(id);
        drawRuns(element("runs"), this.store);
        this.curves();
        this.layers.draw();
        this.answers.draw();
        drawSamples(element("samples"), this.store);
        drawResults(element("results"), this.store);
        drawSettings(element("settings"), this.store);
        document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
    }

    curves() {
        const share = Number(this.smoothing.value);
        this.smoothing.setAttribute("aria-valuetext", share === 0 ? "none" : "mean of about " + Math.round(1 / (1 - share)) + " lines");
        this.smoothing.title = this.smoothing.getAttribute("aria-valuetext");
        this.placed = 0;
        // first what a run by rewards is to raise; where none is, the chart is hidden
        this.chart({key: "reward", title: "reward", hint: BOTH}, both("reward", share));
        this.chart({key: "loss", title: "loss", hint: BOTH}, both("loss", share));
        const scores = new Set(this.store.all.flatMap(run => run.scores));
        scores.delete("reward");
        [...scores].forEach(score =>
            this.chart({key: score, title: score.replaceAll("_", " "), hint: BOTH}, both(score, share)));
        const metrics = new Set(this.store.all.flatMap(run => run.metrics));
        ["loss", "reward", ...scores].forEach(key => metrics.delete(key));
        [...metrics].forEach(metric =>
            this.chart({key: "eval_" + metric, title: metric.replaceAll("_", " ") + " (held-out)"}, evaluation(metric, {points: true})));
        this.chart({key: "grad_norm", title: "gradient norm", log: true}, training("grad_norm", share));
        this.chart({key: "learning_rate", title: "learning rate"}, training("learning_rate", 0));
        const units = [...new Set(this.store.shown.map(run => run.about.unit ?? "tokens"))].sort();
        this.chart({key: "speed", title: (units.join(" or ") || "tokens") + " a second", format: number}, training("tokens_per_second", 0));
        this.chart({key: "memory", title: "memory", format: bytes, marks: byteTicks}, training("memory_bytes", 0));
    }
}
