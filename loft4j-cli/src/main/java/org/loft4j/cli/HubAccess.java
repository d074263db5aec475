package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.Hub;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubEnvironment;
import org.loft4j.io.HubRetries;
import org.loft4j.io.ModelReference;
import org.loft4j.model.Models;
import picocli.CommandLine.Model.CommandSpec;

/** How a verb gets at models that are named and not given as a directory. */
final class HubAccess {
    private HubAccess() {}

    /** The hub in the environment of this call; its downloads show on standard error. */
    static Hub of(CommandSpec verb) {
        return new Hub(
                environment(verb),
                HubRetries.DEFAULT,
                Terminal.downloads(verb.commandLine().getErr()));
    }

    private static HubEnvironment environment(CommandSpec verb) {
        return ((Loft) verb.root().userObject()).hub();
    }

    /** What is wrong with a model's name as far as can be told without asking the hub; null if nothing is. */
    static @Nullable String fault(CommandSpec verb, ModelReference model) {
        return model.fault(name -> new HubCache(environment(verb).cache()).holds(name));
    }

    /** Where a verb gets a model from. */
    @FunctionalInterface
    interface Way {
        Path of(CommandSpec verb, ModelReference model) throws IOException;
    }

    /** The directory of a model that is to be opened, downloaded if need be: not where its config.json says that it cannot be. */
    static Path resolve(CommandSpec verb, ModelReference model) throws IOException {
        return model.resolve(name -> of(verb).snapshot(name, Models::requireKnown));
    }

    /** The directory of an adapter, downloaded if need be: not where its small files are none of an adapter. */
    static Path adapter(CommandSpec verb, ModelReference adapter) throws IOException {
        return adapter.resolve(name -> of(verb).snapshot(name, directory -> {
            if (!PeftFiles.exists(directory)) {
                throw new CheckpointException(
                        directory, "holds no " + PeftFiles.CONFIG + ": it is no adapter; --model names a model");
            }
        }));
    }

    /** The directory of any model, downloaded if need be. */
    static Path any(CommandSpec verb, ModelReference model) throws IOException {
        return model.resolve(name -> of(verb).snapshot(name));
    }

    /** The directory of a model with its small files at least, which are downloaded if need be. */
    static Path described(CommandSpec verb, ModelReference model) throws IOException {
        return model.resolve(name -> of(verb).described(name));
    }

    /** The directory of a model as far as it is on this machine; null otherwise. */
    static @Nullable Path find(CommandSpec verb, ModelReference model) {
        Path directory = model.directory();
        return directory != null ? directory : model.resolveCached(of(verb));
    }
}
