package org.loft4j.io;

import java.util.List;
import java.util.stream.Stream;

/**
 * The names of a language model that lies in one with towers for images and sounds, such as Gemma 3, Gemma 4, Llama 4, Mistral 3 and Qwen 3.5. Transformers has had two
 * spellings of them: {@code language_model.model.layers…}, in which most files of the hub are, and since version 4.52 {@code
 * model.language_model.layers…}.
 */
public final class InnerNames {
    /** The module of the language model. */
    public static final String MODULE = "language_model";

    /** A regular expression, of Java and of Python, for paths in what lies beside the language model. */
    public static final String BESIDE =
            "(?:model\\.)?(?:vision_tower|vision_model|multi_modal_projector|audio_tower|embed_vision|embed_audio|visual)\\..*";

    private static final String OUTER = "model.";
    private static final String INNER = MODULE + ".";
    private static final String OLDER = INNER + OUTER;
    private static final String LAYERS = "layers.";

    /** What predicts several tokens at once, as Qwen 3.5 has it. */
    private static final String FURTHER = "mtp.";

    /** What lies beside it, in the words of {@link #BESIDE}. */
    private static final List<String> TOWERS = List.of(
            "vision_tower.",
            "vision_model.",
            "multi_modal_projector.",
            "audio_tower.",
            "embed_vision.",
            "embed_audio.",
            "visual.");

    private InnerNames() {}

    /** A name as Transformers 4.52 and later have it, in a model with a head; other names are as they were. */
    public static String today(String name) {
        if (name.startsWith(OLDER)) {
            return OUTER + INNER + name.substring(OLDER.length());
        }
        if (name.startsWith(INNER + "lm_head.")) {
            return name.substring(INNER.length());
        }
        return name.startsWith(INNER) || TOWERS.stream().anyMatch(name::startsWith) ? OUTER + name : name;
    }

    /** Whether the module or parameter is of a language model that lies in another. */
    public static boolean isInside(String path) {
        return path.startsWith(INNER) || path.startsWith(OUTER + INNER);
    }

    /** Whether a name of {@link #today} is of a tower, of what leads from it to the language model, or of what predicts further tokens. */
    public static boolean isBeside(String name) {
        return TOWERS.stream().anyMatch(tower -> name.startsWith(OUTER + tower)) || isFurther(name);
    }

    /** Whether a name is of what predicts further tokens at once. */
    public static boolean isFurther(String name) {
        return name.startsWith(FURTHER);
    }

    /** The path that a module of a language model alone has inside of another; what lies beside its base has the same. */
    public static String inside(String path) {
        if (path.startsWith(OUTER)) {
            return OUTER + INNER + path.substring(OUTER.length());
        }
        return path.startsWith(LAYERS) ? INNER + path : path;
    }

    /**
     * A path as it is, and then what else the same module is called: in the model or in one of the language model alone, and as files
     * of before Transformers 4.52 have it.
     */
    public static List<String> spellings(String path) {
        String alone = alone(path);
        return Stream.of(path, inside(alone), alone, INNER + alone).distinct().toList();
    }

    /** The name that a parameter of the language model has in a model of that alone. */
    public static String alone(String name) {
        if (name.startsWith(OUTER + INNER)) {
            return OUTER + name.substring(OUTER.length() + INNER.length());
        }
        return name.startsWith(INNER) ? name.substring(INNER.length()) : name;
    }
}
