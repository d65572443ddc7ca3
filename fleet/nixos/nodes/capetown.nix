# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "capetown";
    pushTokenFile = "/etc/clavitor/environment";
    region = "af-south-1";
    subdomain = "capetown";
    tunnelAddress = "10.84.0.23";
  };
}
