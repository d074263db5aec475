package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.Shown;

/**
 * A model as a person names it: a directory, or the name of a model on the hub. A directory that exists is always meant.
 *
 * @param text as it was given
 */
public record ModelReference(String text) {
    /** A name that a message can show. */
    public static final String EXAMPLE = "HuggingFaceTB/SmolLM2-135M";

    /** What is wrong with it as far as can be told without asking the hub and without a cache; null if nothing is. */
    public @Nullable String fault() {
        return fault(name -> false);
    }

    /**
     * What is wrong with it as far as can be told without asking the hub; null if nothing is. A name without an owner, as models of
     * the hub's first days had, is taken for a directory that is missing unless such a model has been downloaded.
     *
     * @param downloaded whether the cache holds anything of a model
     */
    public @Nullable String fault(Predicate<HubName> downloaded) {
        HubName name = HubName.find(text);
        if (directory() != null || (name != null && (name.hasOrganisation() || downloaded.test(name)))) {
            return null;
        }
        return Shown.text(text) + " is not a directory, and "
                + (name == null
                        ? "not the name of a model on the hub, such as " + EXAMPLE
                        : "a model on the hub is named with its owner, such as " + EXAMPLE
                                + "; old names have one too, as google-bert/bert-base-uncased, openai-community/gpt2 and"
                                + " FacebookAI/roberta-base");
    }

    /** Whether it has the shape of a name on the hub; {@code gpt2} has, too, for there are models without an organisation. */
    public boolean isName() {
        return HubName.find(text) != null;
    }

    /** The directory, if there is one; null for a name. */
    public @Nullable Path directory() {
        try {
            Path path = Path.of(text);
            return !text.isEmpty() && Files.isDirectory(path) ? path : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /**
     * The directory of the model, which is downloaded if it is a name and not in the cache yet.
     *
     * @throws ConfigException if it is neither a directory nor a name
     * @throws HubException if it cannot be got from the hub
     */
    public Path resolve(Hub hub) throws IOException {
        return resolve(hub::snapshot);
    }

    /** A way to get a model of the hub. */
    @FunctionalInterface
    public interface Source {
        /** The directory of a model, or a part of it. */
        Path get(HubName name) throws IOException;
    }

    /** Likewise, where a name is got in another of the hub's ways. */
    public Path resolve(Source hub) throws IOException {
        Path directory = directory();
        if (directory != null) {
            return directory;
        }
        HubName name = HubName.find(text);
        if (name == null) {
            throw new ConfigException("model " + fault());
        }
        try {
            return hub.get(name);
        } catch (HubException e) {
            throw e.isUnknown() || e.isUnreachable() ? e.after("there is no directory " + text + " here") : e;
        }
    }

    /** The directory of the model as far as it can be had without a download; null otherwise. */
    public @Nullable Path resolveCached(Hub hub) {
        Path directory = directory();
        HubName name = HubName.find(text);
        return directory != null ? directory : name == null ? null : hub.cached(name);
    }

    @Override
    public String toString() {
        return text;
    }
}
