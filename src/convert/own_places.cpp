// SPDX-License-Identifier: Apache-2.0
// Places for what layers of the program's own classes hold, see own_places.h.
#include "convert/own_places.h"

#include <utility>
#include <vector>

#include "model/config.h"
#include "model/naming.h"

namespace ballast {
namespace {

class OwnLayers {
public:
    OwnLayers(const Model& source, Model& target) : source_(source), target_(target) {}

    void take_over(const std::map<std::string, std::string>& before) {
        if (is_own(target_.root)) fill(target_.root, source_.root);
        const CanonicalNames old = canonical_names(source_), now = canonical_names(target_);
        std::map<std::string, LayerId> by_path;
        for (LayerId id = 0; id < source_.layers.size(); ++id)
            if (!old.layers[id].empty()) by_path.emplace(old.layers[id], id);
        const auto count = static_cast<LayerId>(target_.layers.size());
        for (LayerId id = 0; id < count; ++id) {
            if (id == target_.root || !is_own(id)) continue;
            const auto renamed = before.find(now.layers[id]);
            const auto found = by_path.find(renamed == before.end() ? now.layers[id] : renamed->second);
            if (found != by_path.end()) fill(id, found->second);
        }
    }

private:
    bool is_own(LayerId id) const {
        const Layer& layer = target_.layers[id];
        return !layer.class_name.empty() && !weights_known(layer);
    }

    void fill(LayerId into, LayerId from) {
        copies_[from] = into;
        std::vector<LayerId> pending = {from};
        while (!pending.empty()) {
            const LayerId id = pending.back();
            pending.pop_back();
            for (Weight weight : source_.layers[id].weights) {
                // Known by the names of layers within, whose attributes they do not tell.
                if (weight.role.find('/') != std::string::npos) continue;
                weight.value = {};
                target_.layers[copies_[id]].weights.push_back(std::move(weight));
            }
            for (Edge edge : source_.layers[id].edges) {
                const auto [known, fresh] =
                    copies_.try_emplace(edge.child, static_cast<LayerId>(target_.layers.size()));
                if (fresh) {
                    Layer copy = source_.layers[edge.child];
                    copy.weights.clear();
                    copy.edges.clear();
                    target_.layers.push_back(std::move(copy));
                    pending.push_back(edge.child);
                }
                edge.child = known->second;
                target_.layers[copies_[id]].edges.push_back(std::move(edge));
            }
        }
    }

    const Model& source_;
    Model& target_;
    std::map<LayerId, LayerId> copies_;
};

}  // namespace

void take_own_places(const Model& source, Model& target, const std::map<std::string, std::string>& before) {
    OwnLayers(source, target).take_over(before);
}

}  // namespace ballast
