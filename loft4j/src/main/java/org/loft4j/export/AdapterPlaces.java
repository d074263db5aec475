package org.loft4j.export;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;

/** Which layers llama.cpp adapts, and where their factors go, by the layers' paths: what the export and its examination go by. */
final class AdapterPlaces {
    private static final String WEIGHT = ".weight";

    private final @Nullable TextConfig config;
    private final @Nullable TensorNames names;

    /** @param config of the base model; null where it is not known, or llama.cpp has no architecture for it */
    AdapterPlaces(@Nullable TextConfig config) throws CheckpointException {
        this.config = config;
        this.names = config == null ? null : new TensorNames(config);
    }

    /**
     * By a base model's config.json.
     *
     * @param base null where it is not at hand
     * @throws CheckpointException if it is faulty
     */
    static AdapterPlaces of(@Nullable JsonObject base) throws CheckpointException {
        return new AdapterPlaces(base == null || !MissingClass.isExported(base) ? null : TextConfig.of(base));
    }

    /** Where the factors of a layer go, or their parts; nowhere where {@link #fault} says why. */
    List<TensorPlace> of(String path) throws CheckpointException {
        List<TensorPlace> places = names == null ? null : names.places(path + WEIGHT);
        return places == null ? List.of() : places;
    }

    /**
     * Why a layer's factors cannot be in a GGUF adapter.
     *
     * @param what with the layer's path
     * @param merges whether merging is a way out: not for layers that the base does not have, nor for a matrix that is another's too
     */
    record Fault(String what, boolean merges) {}

    /** Why the factors of a layer cannot be in a GGUF adapter; null where they can, or it is not known without the base. */
    @Nullable
    Fault fault(String path) throws CheckpointException {
        List<TensorPlace> places = of(path);
        if (TensorNames.isOfExpert(path)
                || places.stream().anyMatch(place -> place.name().endsWith("_exps.weight"))) {
            return new Fault(path + " is a matrix of one expert, for which a GGUF adapter has no place", true);
        }
        if (config == null || names == null) {
            return TensorNames.takesNoAdapter(path) ? none(path) : null;
        }
        if (places.isEmpty()) {
            return new Fault(
                    path + " has no place in llama.cpp's "
                            + config.architecture().key(),
                    false);
        }
        int block = TensorNames.block(path);
        if (block >= config.layers()) {
            return new Fault(path + " is of layer " + block + ", and the base has " + config.layers(), false);
        }
        if (TensorNames.takesNoAdapter(path)) {
            return none(path);
        }
        String module = places.get(0).name().replaceFirst("\\.weight$", "");
        if (module.equals("output") && config.tied() && !config.architecture().needsOutput()) {
            return new Fault(
                    path
                            + " is the output embedding, which is also the input's: it has no tensor of its own in GGUF, and"
                            + " cannot be merged",
                    false);
        }
        if (module.equals("token_embd")) {
            return new Fault(path + " is the input embedding, for which a GGUF adapter has no place", true);
        }
        return names.takesNoAdapterHere(module) ? none(path) : null;
    }

    private static Fault none(String path) {
        return new Fault(path + " is adapted, to which llama.cpp applies no adapter", true);
    }
}
