"""Places on the Earth with opening hours, and their distances computed apart from the toolkit."""

from math import asin, cos, radians, sin, sqrt

ROUNDS = """name,lat,lon,opens,closes,duration
Depot,52.52,13.40,8:00,18:00,
Potsdam,52.39,13.06,9:30,12:00,0:20
Bernau,52.68,13.59,8:30,11:00,15
"""
PLACES = ((52.52, 13.40), (52.39, 13.06), (52.68, 13.59))


def haversine(a, b, radius=6371.0088):
    """Kilometres between two places on a sphere."""
    (phi, theta), (other, further) = (tuple(map(radians, place)) for place in (a, b))
    part = sin((other - phi) / 2) ** 2 + cos(phi) * cos(other) * sin((further - theta) / 2) ** 2
    return 2 * radius * asin(sqrt(part))


def geojson(rows):
    """A text in the form of `ROUNDS` as GeoJSON."""
    header, *lines = [line.split(",") for line in rows.strip().splitlines()]
    features = []
    for line in lines:
        cells = dict(zip(header, line, strict=True))
        point = {"type": "Point", "coordinates": [float(cells.pop("lon")), float(cells.pop("lat"))]}
        properties = {name: cell for name, cell in cells.items() if cell}
        features.append({"type": "Feature", "geometry": point, "properties": properties})
    return {"type": "FeatureCollection", "features": features}
