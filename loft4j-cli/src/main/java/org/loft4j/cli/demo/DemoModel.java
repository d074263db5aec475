package org.loft4j.cli.demo;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.nn.Pooling;

/** The pretrained encoders that the demo can train: each in a jar that Maven has, as an ONNX file beside its tokenizer. */
public enum DemoModel {
    /** all-MiniLM-L6-v2, 22.6 million parameters. sentence-transformers trained it with mean pooling. */
    MINILM(
            MavenArtifact.MINILM,
            new BertShape(384, 6, 12, 1536, 30522, 512, 2),
            Pooling.MEAN,
            "all-minilm-l6-v2-2",
            "all-MiniLM-L6-v2, 22.6 million parameters, with a new classification head on the mean of its last states"),

    /** bge-small-en-v1.5, 33.2 million parameters. BAAI trained it on the state of its first token. */
    BGE_SMALL(
            MavenArtifact.BGE_SMALL,
            new BertShape(384, 12, 12, 1536, 30522, 512, 2),
            Pooling.CLS,
            "bge-small-en-v1.5-1",
            "bge-small-en-v1.5, 33.2 million parameters, with a new classification head on the last state of its first"
                    + " token");

    private final MavenArtifact artifact;
    private final BertShape shape;
    private final Pooling pooling;
    private final String directory;
    private final String about;

    DemoModel(MavenArtifact artifact, BertShape shape, Pooling pooling, String directory, String about) {
        this.artifact = artifact;
        this.shape = shape;
        this.pooling = pooling;
        this.directory = directory;
        this.about = about;
    }

    /** Reads {@code minilm} or {@code bge-small}, in any case. */
    public static DemoModel parse(String word) {
        for (DemoModel model : values()) {
            if (model.word().equalsIgnoreCase(word)) {
                return model;
            }
        }
        String known = Arrays.stream(values()).map(DemoModel::word).collect(Collectors.joining(", "));
        throw new ConfigException("model must be one of " + known + ", got " + word);
    }

    /** The name on the command line. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    MavenArtifact artifact() {
        return artifact;
    }

    BertShape shape() {
        return shape;
    }

    /** What its makers trained it with; neither has a pooler. */
    Pooling pooling() {
        return pooling;
    }

    /** The directory's name in the cache. The number at its end goes up whenever the same artefact would be turned into other files. */
    String directory() {
        return directory;
    }

    /** Name, size and head, for a person. */
    String about() {
        return about;
    }
}
