#!/usr/bin/env bash
# Make sklearn_temo/report/assets/three.min.js again: the parts of three.js that the page of a report
# uses, in one file. Needs npm. The result is the same on every machine; a new version changes
# SHA256 here and the version in THIRD_PARTY_NOTICES.md.
set -euo pipefail

THREE=0.187.0
ESBUILD=0.28.2
SHA256=f593c061cbad5959ffec54f6f81288bcb331ab39e22383925782e9c49be3105e

assets=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/sklearn_temo/report/assets
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund "three@$THREE" "esbuild@$ESBUILD"
cat > parts.js << 'END'
export {
  BufferAttribute, BufferGeometry, Color, DirectionalLight, DoubleSide, HemisphereLight,
  InstancedMesh, LineBasicMaterial, LineSegments, Matrix4, Mesh, MeshLambertMaterial,
  PerspectiveCamera, Scene, SphereGeometry, Spherical, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
END
npx esbuild parts.js --bundle --minify --format=iife --global-name=THREE --outfile=three.min.js \
    --log-level=warning --legal-comments=inline
sha256sum --quiet --check <<< "$SHA256  three.min.js"
cp three.min.js "$assets/three.min.js"
cp node_modules/three/LICENSE "$assets/three.LICENSE.txt"
