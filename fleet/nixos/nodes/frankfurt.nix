# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "frankfurt";
    pushTokenFile = "/etc/clavitor/environment";
    region = "eu-central-1";
    subdomain = "frankfurt";
    tunnelAddress = "10.84.0.18";
  };
}
