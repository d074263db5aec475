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

    /** Why the factors of a layer cannot be in a GGUF adapter; null where they can, or it is not known without the base. */
    @Nullable
    String fault(String path) throws CheckpointException {
        List<TensorPlace> places = of(path);
        if (TensorNames.isOfExpert(path)
                || places.stream().anyMatch(place -> place.name().endsWith("_exps.weight"))) {
            return path + " is a matrix of one expert, for which a GGUF adapter has no place";
        }
        if (TensorNames.takesNoAdapter(path)) {
            return none(path);
        }
        if (config == null || names == null) {
            return null;
        }
        if (places.isEmpty()) {
            return path + " has no place in llama.cpp's "
                    + config.architecture().key();
        }
        String module = places.get(0).name().replaceFirst("\\.weight$", "");
        if (module.equals("output") && config.tied()) {
            return path + " is the output embedding, which is also the input's and has no tensor of its own in GGUF";
        }
        if (module.equals("token_embd")) {
            return path + " is the input embedding, for which a GGUF adapter has no place";
        }
        return names.takesNoAdapterHere(module) ? none(path) : null;
    }

    private static String none(String path) {
        return path + " is adapted, to which llama.cpp applies no adapter";
    }
}
