package org.loft4j.model;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * A family of models that can be opened.
 *
 * @param name {@code model_type} in config.json
 * @param tasks what its models can be used for; the first is that of a checkpoint which does not say
 * @param opener reads a model from a checkpoint
 * @param maker makes a model with new weights
 * @param length tells the longest sequence
 */
record Family(String name, List<Task> tasks, Opener opener, Maker maker, Length length) {
    /** Every family by its name. */
    static final Map<String, Family> BY_NAME =
            Collections.unmodifiableMap(Stream.of(DecoderFamilies.ALL, EncoderFamilies.ALL)
                    .flatMap(List::stream)
                    .collect(Collectors.toMap(Family::name, family -> family, (one, same) -> same, TreeMap::new)));

    /** Reads a model from a checkpoint; the options name the labels of a classifier. */
    interface Opener {
        Model open(TensorSource source, JsonObject config, ModelOptions options) throws CheckpointException;
    }

    /** Makes a model with new weights from the seed; the options name the labels of a classifier, and a dtype. */
    interface Maker {
        Model random(JsonObject config, ModelOptions options) throws CheckpointException;
    }

    /** Tells the longest sequence that a model was made for, in tokens. */
    interface Length {
        long maxPositions(JsonObject config) throws CheckpointException;
    }

    /** All that are opened the same way. */
    static List<Family> all(List<Task> tasks, Opener opener, Maker maker, Length length, String... names) {
        return Stream.of(names)
                .map(name -> new Family(name, tasks, opener, maker, length))
                .toList();
    }
}
