package org.loft4j.train;

import java.util.LinkedHashMap;
import java.util.Map;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Lanes;

/**
 * The memory of a run in bytes, by arithmetic on shapes alone: no tensor is touched, and the model may be an
 * {@link org.loft4j.model.Models#outline outline}.
 *
 * @param program the Java machine and libtorch, before there is a model
 * @param rows on the Java heap, as texts and as tokens
 * @param weights of the model
 * @param adapter factors, and copies of modules that are trained in full beside them
 * @param optimizer its state
 * @param gradients of what is trained, and what waits to be added to those of a model that is trained itself
 * @param earlier gradients of earlier micro-batches of a step, beside which the next have their activations; 0 where there is one
 * @param activations kept for the backward pass, over all layers
 * @param loss logits and their gradient, at the largest number of positions at a time
 * @param layer what one layer holds beside that, while it is computed or goes backward
 * @param scattered free, but in pieces: each lane has a heap of its own, and gradients of whole matrices, of a model that is trained
 *     itself or of modules beside an adapter, do not find room in what activations leave there
 * @param evaluation what the largest batch of the evaluation holds, or the caches and logits of answers that are made while the model learns
 * @param copy what a save in the background copies, and training goes on beside
 */
public record MemoryEstimate(
        long program,
        long rows,
        long weights,
        long adapter,
        long optimizer,
        long gradients,
        long earlier,
        long activations,
        long loss,
        long layer,
        long scattered,
        long evaluation,
        long copy) {

    /**
     * Of a run that takes place where the model is; by an outline, which is nowhere, of one on the processor.
     *
     * @param model as it is, or its outline; in full precision
     */
    public static MemoryEstimate of(Model model, MemoryPlan plan) {
        DeviceSpec there = model.description().device();
        return of(model, plan, there.equals(DeviceSpec.META) ? DeviceSpec.CPU : there);
    }

    /**
     * The same of a run that takes place elsewhere.
     *
     * @param device where it does: on the processor batches are shared out over {@link Lanes}, which hold more
     */
    public static MemoryEstimate of(Model model, MemoryPlan plan, DeviceSpec device) {
        return new MemoryArithmetic(model, plan, device).estimate();
    }

    /**
     * The peak: what stays, and the most that comes on top of it. Loss and a layer's own part are not held together, but the C
     * library keeps what the one has freed while the other grows.
     */
    public long total() {
        long stepping = Math.max(earlier + activations + loss + layer, gradients + layer) + scattered;
        return program + rows + weights + adapter + optimizer + copy + Math.max(stepping, evaluation);
    }

    /** What of it lies on a device: program and rows are on the host, and so is what a save copies. */
    public MemoryEstimate onDevice() {
        return new MemoryEstimate(
                0,
                0,
                weights,
                adapter,
                optimizer,
                gradients,
                earlier,
                activations,
                loss,
                layer,
                scattered,
                evaluation,
                0);
    }

    /** The parts by name, for people. */
    public Map<String, Long> parts() {
        Map<String, Long> parts = new LinkedHashMap<>();
        parts.put("program", program);
        parts.put("rows", rows);
        parts.put("weights", weights);
        parts.put("adapter", adapter);
        parts.put("optimizer", optimizer);
        parts.put("gradients", gradients);
        parts.put("earlier", earlier);
        parts.put("activations", activations);
        parts.put("loss", loss);
        parts.put("layer", layer);
        parts.put("scattered", scattered);
        parts.put("evaluation", evaluation);
        parts.put("copy", copy);
        return parts;
    }
}
