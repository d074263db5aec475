package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
        this.listener = new HubListenerInTurn(listener);
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
        return get(name, (client, listing, snapshot) -> {
            List<String> wanted = new ArrayList<>(HubFiles.beside(listing.files()));
            List<String> weights = HubFiles.weights(name, listing.files());
            if (check != ANY) {
                fetch(client, name, listing, wanted);
                check.check(snapshot);
                wanted.clear();
            }
            wanted.addAll(weights);
            fetch(client, name, listing, wanted);
            if (weights.contains(ModelDirectory.INDEX)) {
                Collection<String> shards = HubFiles.shards(snapshot.resolve(ModelDirectory.INDEX));
                for (String shard : shards) {
                    if (!listing.files().contains(shard)) {
                        throw new HubException(
                                name,
                                "names the shard " + JsonFault.quote(shard) + " in its index, but has no such file");
                    }
                }
                fetch(client, name, listing, shards);
            }
            cache.rememberTokenizer(snapshot, listing.files());
        });
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
        return get(name, (client, listing, snapshot) -> fetch(client, name, listing, HubFiles.beside(listing.files())));
    }

    /** Gets the parts of a snapshot. */
    private interface Parts {
        void get(HubClient client, HubClient.Listing listing, Path snapshot) throws IOException;
    }

    /** The snapshot of the commit that the revision stands for now, which is remembered when its parts are there. */
    private Path get(HubName name, Parts parts) throws IOException {
        HubClient client = client(name);
        boolean all = false;
        try {
            HubClient.Listing listing = client.list(name);
            Path snapshot = cache.snapshot(name, listing.commit());
            parts.get(client, listing, snapshot);
            cache.writeRef(name, listing.commit());
            all = true;
            listener.onEnd(name);
            return snapshot;
        } finally {
            if (!all) {
                listener.onFailure(name);
            }
        }
    }

    private HubClient client(HubName name) throws HubException {
        if (environment.offline()) {
            throw new HubException(
                    name,
                    cache.find(name) == null
                            ? "is not complete in the cache " + environment.cache()
                                    + ", and HF_HUB_OFFLINE forbids to download it: unset it, or name a directory"
                            : "is in the cache " + environment.cache()
                                    + ", and HF_HUB_OFFLINE forbids to ask the hub for a newer one: unset it");
        }
        return new HubClient(environment, retries, listener);
    }

    /**
     * Gets those of the files that the snapshot lacks, or has in another length, several at once, and shows them when all of them are
     * there.
     */
    private void fetch(HubClient client, HubName name, HubClient.Listing listing, Collection<String> wanted)
            throws IOException {
        Path snapshot = cache.snapshot(name, listing.commit());
        List<HubFile> files = new ArrayList<>();
        for (HubFile file : SideBySide.each(wanted, path -> client.file(name, listing.commit(), path))) {
            if (!file.isSizeOf(snapshot.resolve(file.path()))) {
                files.add(file);
            }
        }
        if (files.isEmpty()) {
            return;
        }
        // files of the same content are one blob
        Map<String, HubFile> blobs = new LinkedHashMap<>();
        files.forEach(file -> blobs.putIfAbsent(file.etag(), file));
        long bytes = 0;
        for (HubFile file : blobs.values()) {
            bytes += missingBytes(file);
        }
        requireSpace(name, bytes);
        listener.onStart(name, blobs.size(), bytes);
        SideBySide.each(
                blobs.values(),
                file -> new BlobDownload(client, retries, listener, file, blob(file))
                        .run(cache.lock(name, file.etag())));
        // in the order that was asked for: what lies beside the weights is there when they are
        for (HubFile file : files) {
            Path shown = snapshot.resolve(file.path());
            if (Files.exists(shown) && !file.isSizeOf(shown)) {
                // a copy, where the file system has no links
                Files.delete(shown);
            }
            HubCache.link(blob(file), shown);
        }
    }

    private Path blob(HubFile file) {
        return cache.blob(file.name(), file.etag());
    }

    private long missingBytes(HubFile file) throws IOException {
        Path blob = blob(file);
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
