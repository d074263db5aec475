package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Models of the Hugging Face hub as directories on this machine: from the cache that Hugging Face's libraries share, else
 * downloaded into it, so that they find it as well. A snapshot counts only when all its files are there, and each file is
 * there only when its size and its checksum are right.
 */
public final class Hub {
    private static final Check ANY = directory -> {};

    private final HubEnvironment environment;
    private final HubCache cache;
    private final HubRetries retries;
    private final HubListener listener;

    /** Looks at a model before its weights are downloaded. */
    @FunctionalInterface
    public interface Check {
        /**
         * Refuses a model by throwing.
         *
         * @param directory with the small files
         */
        void check(Path directory) throws IOException;
    }

    public Hub(HubEnvironment environment, HubRetries retries, HubListener listener) {
        this.environment = environment;
        this.cache = new HubCache(environment.cache());
        this.retries = retries;
        this.listener = listener;
    }

    /** The directory of a model in the cache if it is complete there, else null. Asks nobody. */
    public @Nullable Path cached(HubName name) {
        return cache.find(name);
    }

    /**
     * The directory of a model: the snapshot in the cache, without a question to the hub, if it is complete; else what
     * {@link #download} makes. Where the hub cannot be asked, a snapshot with its weights will do.
     *
     * @throws HubException if it cannot be got
     */
    public Path snapshot(HubName name) throws IOException {
        return snapshot(name, ANY);
    }

    /**
     * Likewise, but that a model whose small files do not pass is left there, before its weights are downloaded.
     *
     * @param check of a model that is not in the cache
     */
    public Path snapshot(HubName name, Check check) throws IOException {
        Path cached = cache.find(name);
        if (cached != null) {
            return cached;
        }
        // perhaps without a tokenizer, which nobody but the hub can say
        Path weights = cache.findWeights(name);
        if (weights != null && environment.offline()) {
            return weights;
        }
        try {
            return download(name, check);
        } catch (HubException e) {
            if (weights != null && e.isUnreachable()) {
                return weights;
            }
            throw e;
        }
    }

    /**
     * Asks the hub for the commit that the revision stands for now, downloads those of its files that are missing, and returns
     * the directory.
     *
     * @throws HubException if it cannot be got
     */
    public Path download(HubName name) throws IOException {
        return download(name, ANY);
    }

    private Path download(HubName name, Check check) throws IOException {
        HubClient client = client(name);
        HubClient.Listing listing = client.list(name);
        List<String> first = new ArrayList<>(HubFiles.beside(listing.files()));
        List<String> weights = HubFiles.weights(name, listing.files());
        Path snapshot = cache.snapshot(name, listing.commit());
        if (check != ANY) {
            fetch(client, name, listing, first);
            check.check(snapshot);
        }
        first.addAll(weights);
        fetch(client, name, listing, first);
        Path index = snapshot.resolve(ModelDirectory.INDEX);
        if (first.contains(ModelDirectory.INDEX)) {
            Collection<String> shards = HubFiles.shards(index);
            for (String shard : shards) {
                if (!listing.files().contains(shard)) {
                    throw new HubException(
                            name, "names the shard " + JsonFault.quote(shard) + " in its index, but has no such file");
                }
            }
            fetch(client, name, listing, shards);
        }
        cache.rememberTokenizer(snapshot, listing.files());
        cache.writeRef(name, listing.commit());
        listener.onEnd(name);
        return snapshot;
    }

    /**
     * The directory of a model with its small files at least, config.json among them: that in the cache, or one that is
     * downloaded without its weights.
     *
     * @throws HubException if it cannot be got
     */
    public Path described(HubName name) throws IOException {
        Path cached = cache.findConfig(name);
        if (cached != null) {
            return cached;
        }
        HubClient client = client(name);
        HubClient.Listing listing = client.list(name);
        fetch(client, name, listing, HubFiles.beside(listing.files()));
        cache.writeRef(name, listing.commit());
        listener.onEnd(name);
        return cache.snapshot(name, listing.commit());
    }

    private HubClient client(HubName name) throws HubException {
        if (environment.offline()) {
            throw new HubException(
                    name,
                    "is not complete in the cache " + environment.cache()
                            + ", and HF_HUB_OFFLINE forbids to download it: unset it, or name a directory");
        }
        return new HubClient(environment, retries, listener);
    }

    /** Gets those of the files that the snapshot lacks. */
    private void fetch(HubClient client, HubName name, HubClient.Listing listing, Collection<String> wanted)
            throws IOException {
        Path snapshot = cache.snapshot(name, listing.commit());
        List<HubFile> missing = new ArrayList<>();
        long bytes = 0;
        for (String path : wanted) {
            if (!Files.exists(snapshot.resolve(path))) {
                HubFile file = client.file(name, listing.commit(), path);
                missing.add(file);
                bytes += missingBytes(file);
            }
        }
        if (missing.isEmpty()) {
            return;
        }
        requireSpace(name, bytes);
        listener.onStart(name, missing.size(), bytes);
        boolean all = false;
        try {
            for (HubFile file : missing) {
                Path blob = cache.blob(name, file.etag());
                new BlobDownload(client, retries, listener, file, blob).run(cache.lock(name, file.etag()));
                HubCache.link(blob, snapshot.resolve(file.path()));
            }
            all = true;
        } finally {
            if (!all) {
                listener.onFailure(name);
            }
        }
    }

    private long missingBytes(HubFile file) throws IOException {
        Path blob = cache.blob(file.name(), file.etag());
        Path incomplete = BlobDownload.incomplete(blob);
        long have = Files.exists(incomplete) ? Files.size(incomplete) : 0;
        return file.isSizeOf(blob) ? 0 : Math.max(0, file.size() - have);
    }

    private void requireSpace(HubName name, long bytes) throws IOException {
        Files.createDirectories(cache.repository(name));
        long free = Files.getFileStore(cache.repository(name)).getUsableSpace();
        if (bytes > free) {
            throw new HubException(
                    name,
                    "needs " + bytes + " bytes more, but " + environment.cache() + " has room for " + free
                            + ": make room, or name another place in HF_HOME");
        }
    }
}
