package org.loft4j.io;

/** The names of a layer norm's parameters: files of the first BERTs call its weight {@code gamma} and its bias {@code beta}. */
public final class LayerNormNames {
    private LayerNormNames() {}

    /** A parameter's name as later files have it. */
    public static String usual(String name) {
        return name.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
                .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
    }
}
